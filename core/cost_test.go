package core_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// newRoomWithDocuments returns a room with a number of documents.
func newRoomWithDocuments(t testing.TB, documents int) *core.Room {
	t.Helper()
	store := memstore.New()
	rows := make([]core.Document, documents)
	for i := range rows {
		rows[i] = core.Document{Room: "room", Key: fmt.Sprintf("doc%06d", i), ServerSeq: 1, State: `{"n":0}`}
	}
	if err := store.SaveDocuments(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	h := core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return new(recorder) }, MaxDocuments: 1 << 30})
	t.Cleanup(func() { _ = h.Close(t.Context()) })
	r, release, err := h.Room(t.Context(), "room")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return r
}

// The cost of a commit does not depend on the number of documents. Compare the results of
//
//	go test ./core -run '^$' -bench CommitByDocuments
func BenchmarkCommitByDocuments(b *testing.B) {
	for _, documents := range []int{1, 1_000, 10_000, 50_000} {
		for _, keys := range []string{"same", "new"} {
			b.Run(fmt.Sprintf("documents=%d/key=%s", documents, keys), func(b *testing.B) {
				r := newRoomWithDocuments(b, documents)
				p := batch(b, "ann", core.NoClientSeq, "set n 1")
				p.Key = "doc000000"
				for i := 0; b.Loop(); i++ {
					if keys == "new" {
						p.Key = fmt.Sprintf("doc%06d-%d", i*7919%documents, i)
					}
					if _, err := r.Submit(b.Context(), p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestCommitCostDoesNotDependOnDocuments(t *testing.T) {
	few, many := fastestCommits(t, 1), fastestCommits(t, 50_000)
	if many > 4*few {
		t.Errorf("100 commits take %v in a room with one document, and %v with 50,000", few, many)
	}
}

// fastestCommits returns the shortest of several measurements of 100 commits.
func fastestCommits(t *testing.T, documents int) time.Duration {
	r := newRoomWithDocuments(t, documents)
	best := time.Hour
	for round := range 30 {
		p := batch(t, "ann", core.NoClientSeq, "set n 1")
		began := time.Now()
		for i := range 100 {
			p.Key = fmt.Sprintf("doc%06d", (round*100+i)%documents)
			if _, err := r.Submit(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		best = min(best, time.Since(began))
	}
	return best
}

package core_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/retained"
)

// newLargeRoom returns a room whose document has a list of items.
func newLargeRoom(t testing.TB, store core.Store, items int) *core.Room {
	t.Helper()
	var text strings.Builder
	for i := range items {
		fmt.Fprintf(&text, `,{"_sync_id":"%08d","title":"a few words","done":false}`, i)
	}
	row := core.Document{Room: "room", Key: "default", ServerSeq: 1, State: `{"tasks":[` + text.String()[1:] + `]}`}
	if err := store.SaveDocuments(t.Context(), []core.Document{row}); err != nil {
		t.Fatal(err)
	}
	h := core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return &counter{} }, ServerBatch: time.Millisecond})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	r, release, err := h.Room(t.Context(), "room")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return r
}

// counter is a listener that keeps nothing.
type counter struct{ recorder }

func (*counter) Committed([]*core.Batch) {}

// BenchmarkCommitInLargeDocument encodes a document of 100,000 items, 5 MB, again and again, as for a reader or its row, and
// commits batches meanwhile. It reports the median time for which a request of the document holds the room's lock, and the
// time of a commit. The percentiles beyond the 99th depend on what else the machine does.
//
//	go test ./core -run '^$' -bench CommitInLargeDocument -benchtime 50x
func BenchmarkCommitInLargeDocument(b *testing.B) {
	r := newLargeRoom(b, memstore.New(), 100_000)
	var held, commits []time.Duration
	commit := func() {
		n := len(commits)
		p := batch(b, "ann", core.NoClientSeq, fmt.Sprintf(`set tasks[%08d].done %d`, n*7919%100_000, n))
		began := time.Now()
		if _, err := r.Submit(b.Context(), p); err != nil {
			b.Fatal(err)
		}
		commits = append(commits, time.Since(began))
	}
	for b.Loop() {
		commit() // makes a new version
		encoded := make(chan time.Duration)
		go func() {
			json, took := requestDocument(r)
			json.Bytes()
			encoded <- took
		}()
		for running := true; running; {
			commit()
			select {
			case took := <-encoded:
				held = append(held, took)
				running = false
			default:
			}
		}
	}
	slices.Sort(held)
	slices.Sort(commits)
	b.ReportMetric(float64(held[len(held)/2].Nanoseconds())/1000, "locked-µs")
	b.ReportMetric(float64(commits[len(commits)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(commits[len(commits)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(len(commits))/float64(len(held)), "commits/encoding")
}

// requestDocument returns the document, which is still to be encoded, and the time for which the room was locked.
func requestDocument(r *core.Room) (json *retained.Text, took time.Duration) {
	r.View(func(v core.View) {
		began := time.Now()
		json, _, _ = v.Document("default")
		took = time.Since(began)
	})
	return json, took
}

// versionStore compares each row with the fold of the log up to its serverSeq.
type versionStore struct {
	core.Store
	t *testing.T

	mu    sync.Mutex
	log   []*core.Batch // after state
	state *core.State
	rows  int
}

func (s *versionStore) Append(ctx context.Context, batches []*core.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, batches...)
	return s.Store.Append(ctx, batches)
}

func (s *versionStore) SaveDocuments(ctx context.Context, rows []core.Document) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range rows {
		if s.state == nil {
			s.state = newState(s.t, rows)
		}
		for s.state.Seq() < row.ServerSeq {
			if err := s.state.Fold(s.log[0]); err != nil {
				return err
			}
			s.log = s.log[1:]
		}
		if want, _, _ := s.state.Document(row.Key); row.State != want.String() {
			s.t.Errorf("the row at %d differs from the log", row.ServerSeq)
		}
		s.rows++
	}
	return s.Store.SaveDocuments(ctx, rows)
}

func TestRowsAreSingleVersionsWhileBatchesAreCommitted(t *testing.T) {
	const items = 2000
	store := &versionStore{Store: memstore.New(), t: t}
	r := newLargeRoom(t, store, items)
	for i := range 6000 {
		submit(t, r, batch(t, "ann", core.NoClientSeq, fmt.Sprintf(`set tasks[%08d].done %d`, i*7919%items, i),
			fmt.Sprintf(`array_move tasks[%08d] @%d`, i%items, i*31%items)))
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.rows < 10 {
		t.Errorf("%d rows were written", store.rows)
	}
}

// Encoding a document under the room's lock would allocate its size there.
func TestRequestOfDocumentsEncodesNothingUnderTheLock(t *testing.T) {
	r := newLargeRoom(t, memstore.New(), 20_000)
	var before, after runtime.MemStats
	size := 0
	r.View(func(v core.View) {
		size = v.Size()
		runtime.ReadMemStats(&before)
		v.Documents()
		runtime.ReadMemStats(&after)
	})
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > uint64(size)/10 {
		t.Errorf("a document of %d bytes takes %d bytes under the lock", size, bytes)
	}
}

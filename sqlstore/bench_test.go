package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// The load that appends are measured with: batches of one operation, by many clients in many rooms.
const benchRooms, benchClients = 100, 200

// workload makes batches as a busy server sees them.
type workload struct {
	n    int
	next [benchRooms]int64
}

func (w *workload) group(size int) []*core.Batch {
	group := make([]*core.Batch, size)
	for i := range group {
		room := w.n % benchRooms
		w.n++
		w.next[room]++
		group[i] = &core.Batch{
			Room: fmt.Sprint("board-", room), Key: "default", ServerSeq: w.next[room], ServerTs: 1_767_225_600_000,
			ClientID: fmt.Sprintf("3f0c6c3e-7a8a-4c1e-9d0b-%012d", w.n%benchClients), ClientSeq: int64(w.n),
			Ops: []core.LoggedOp{{
				Kind: tree.Set, Path: fmt.Sprintf("tasks[9b2d%06d].title", w.n), Value: `"some words typed by a person"`,
				Index: tree.NoIndex,
			}},
		}
	}
	return group
}

// BenchmarkAppend is the price of durability: one transaction, synced, of so many batches.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 16, 32, 256} {
		b.Run(fmt.Sprintf("batches=%d", size), func(b *testing.B) {
			store := openFile(b, newFile(b))
			var load workload
			var took []time.Duration
			for b.Loop() {
				group := load.group(size)
				start := time.Now()
				if err := store.Append(b.Context(), group); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/batch")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

func BenchmarkSaveDocuments(b *testing.B) {
	store := openFile(b, newFile(b))
	docs := make([]core.Document, 1000)
	for i := range docs {
		docs[i] = core.Document{Room: fmt.Sprint("board-", i), Key: "default", State: `{"text":"` + strings.Repeat("x", 2000) + `"}`}
	}
	for b.Loop() {
		for i := range docs {
			docs[i].ServerSeq++
		}
		if err := store.SaveDocuments(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(docs)), "µs/document")
}

func BenchmarkLog(b *testing.B) {
	store := openFile(b, newFile(b))
	var load workload
	for range 100 {
		if err := store.Append(b.Context(), load.group(1000)); err != nil {
			b.Fatal(err)
		}
	}
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batches=%d", size), func(b *testing.B) {
			for b.Loop() {
				page, err := store.Log(b.Context(), "board-7", 0, core.Page{Batches: size, Bytes: 1 << 30})
				if err != nil || len(page) != size {
					b.Fatalf("got %d batches, %v", len(page), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/batch")
		})
	}
}

func BenchmarkFindBatch(b *testing.B) {
	store := openFile(b, newFile(b))
	var load workload
	group := load.group(10_000)
	if err := store.Append(b.Context(), group); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		want := group[i%len(group)]
		i++
		got, err := store.FindBatch(b.Context(), want.Room, want.ClientID, want.ClientSeq)
		if err != nil || got == nil {
			b.Fatalf("got %v, %v", got, err)
		}
	}
}

package sqlstore

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// BenchmarkAppend is the price of durability: one transaction, synced, of so many batches.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 16, 32, 256} {
		b.Run(fmt.Sprintf("batches=%d", size), func(b *testing.B) {
			store := openFile(b, newFile(b))
			var load dbtest.Workload
			var took []time.Duration
			for b.Loop() {
				group := load.Group(size)
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

// BenchmarkSaveLargeDocument writes a row of 5 MB, and for comparison writes and syncs as many bytes to a file.
func BenchmarkSaveLargeDocument(b *testing.B) {
	doc := core.Document{Room: "room", Key: "default", State: largeDocument(5 << 20)}
	report := func(b *testing.B, save func()) {
		var took []time.Duration
		for b.Loop() {
			start := time.Now()
			save()
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	}
	b.Run("row", func(b *testing.B) {
		store := openFile(b, newFile(b))
		report(b, func() {
			doc.ServerSeq++
			if err := store.SaveDocuments(b.Context(), []core.Document{doc}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("file", func(b *testing.B) {
		file, err := os.Create(newFile(b))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		text := []byte(doc.State)
		report(b, func() {
			if _, err := file.WriteAt(text, 0); err != nil {
				b.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkLog(b *testing.B) {
	store := openFile(b, newFile(b))
	var load dbtest.Workload
	for range 100 {
		if err := store.Append(b.Context(), load.Group(1000)); err != nil {
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
	var load dbtest.Workload
	group := load.Group(10_000)
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

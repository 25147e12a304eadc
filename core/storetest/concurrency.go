package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var concurrencyTests = []subtest{
	{"ManyRoomsAreWrittenAtOnce", func(t *testing.T, store core.Store) {
		const writers, groups = 8, 20
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				room := fmt.Sprint(t.Name(), w)
				all := history(room, 3*groups)
				for g := range groups {
					if err := store.Append(t.Context(), all[3*g:3*g+3]); err != nil {
						t.Errorf("Append: %v", err)
					}
					if err := store.SaveDocuments(t.Context(), []core.Document{document(room, int64(3*g+3))}); err != nil {
						t.Errorf("SaveDocuments: %v", err)
					}
				}
			})
		}
		wg.Wait()
		for w := range writers {
			room := fmt.Sprint(t.Name(), w)
			wantLog(t, store, room, history(room, 3*groups)...)
			wantDocument(t, readDocuments(t, store, room)["default"], document(room, 3*groups))
		}
	}},
	{"OfSeveralInitialValuesOfASettingOneIsStored", func(t *testing.T, store core.Store) {
		for n := range 20 {
			name := fmt.Sprint("setting-", n)
			var values [4]string
			var wg sync.WaitGroup
			for i := range values {
				wg.Go(func() {
					var err error
					if values[i], err = store.InitSetting(t.Context(), name, fmt.Sprint("value-", i)); err != nil {
						t.Errorf("InitSetting: %v", err)
					}
				})
			}
			wg.Wait()
			stored, err := store.Setting(t.Context(), name)
			if err != nil || stored == "" || values != [4]string{stored, stored, stored, stored} {
				t.Fatalf("%q is stored and %q were returned, %v", stored, values, err)
			}
		}
	}},
	{"OfSeveralWritersOneTakesANumber", func(t *testing.T, store core.Store) {
		const writers, numbers = 6, 20
		var won [numbers]atomic.Int32
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := range numbers {
					mine := batch(t.Name(), int64(n)+1, from(fmt.Sprint("writer-", w), 1), sized(3, 10))
					switch err := store.Append(t.Context(), []*core.Batch{mine}); {
					case err == nil:
						won[n].Add(1)
					case !errors.Is(err, core.ErrConflict):
						t.Errorf("Append: %v", err)
					}
				}
			})
		}
		wg.Wait()
		for n := range won {
			if won[n].Load() != 1 {
				t.Errorf("serverSeq %d was taken %d times", n+1, won[n].Load())
			}
		}
		if got := len(readLog(t, store, t.Name(), 0, everything)); got != numbers {
			t.Errorf("the log has %d batches, want %d", got, numbers)
		}
	}},
	{"AReaderSeesWholeBatchesWithoutAHole", func(t *testing.T, store core.Store) {
		const last, ops = 60, 20
		whileWriting(t, func() {
			for seq := int64(1); seq <= last; seq += 2 {
				pair := []*core.Batch{batch(t.Name(), seq, sized(ops, 10)), batch(t.Name(), seq+1, sized(ops, 10))}
				if err := store.Append(t.Context(), pair); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		}, func() {
			batches, err := store.Log(t.Context(), t.Name(), 0, everything)
			if err != nil {
				t.Errorf("Log: %v", err)
			}
			if len(batches)%2 != 0 {
				t.Errorf("got %d batches: half of an append", len(batches))
			}
			for i, b := range batches {
				if b.ServerSeq != int64(i)+1 || len(b.Ops) != ops {
					t.Errorf("batch %d at position %d has %d operations, want %d", b.ServerSeq, i, len(b.Ops), ops)
				}
			}
		})
	}},
	{"DocumentsAreReadAsOfOneMoment", func(t *testing.T, store core.Store) {
		const keys, saves = 30, 60
		whileWriting(t, func() {
			for seq := int64(1); seq <= saves; seq++ {
				docs := make([]core.Document, 0, keys)
				for k := range keys {
					docs = append(docs, core.Document{Room: t.Name(), Key: fmt.Sprint(k), ServerSeq: seq, State: "1"})
				}
				if err := store.SaveDocuments(t.Context(), docs); err != nil {
					t.Errorf("SaveDocuments: %v", err)
				}
			}
		}, func() {
			docs, err := store.Documents(t.Context(), t.Name())
			if err != nil {
				t.Errorf("Documents: %v", err)
			}
			if len(docs) != 0 && len(docs) != keys {
				t.Errorf("got %d documents, want none or %d", len(docs), keys)
			}
			for _, d := range docs {
				if d.ServerSeq != docs[0].ServerSeq {
					t.Errorf("documents of two moments: %d and %d", d.ServerSeq, docs[0].ServerSeq)
				}
			}
		})
	}},
}

// whileWriting reads repeatedly until the writer has ended, and once more.
func whileWriting(t *testing.T, write, read func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		write()
	}()
	for {
		select {
		case <-done:
			read()
			return
		default:
			read()
		}
		if t.Failed() {
			<-done
			return
		}
	}
}

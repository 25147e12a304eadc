package storetest

import (
	"sync"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var closeTests = []subtest{
	{"AClosedStoreRefusesEverything", func(t *testing.T, store core.Store) {
		if err := store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		for name, err := range map[string]error{
			"Append":        store.Append(t.Context(), []*core.Batch{batch(t.Name(), 1)}),
			"SaveDocuments": store.SaveDocuments(t.Context(), []core.Document{document(t.Name(), 1)}),
			"Ping":          store.Ping(t.Context()),
			"Log":           second(store.Log(t.Context(), t.Name(), 0, everything)),
			"FindBatch":     second(store.FindBatch(t.Context(), t.Name(), "a", 1)),
			"LastClientSeq": second(store.LastClientSeq(t.Context(), t.Name(), "a")),
			"Documents":     second(store.Documents(t.Context(), t.Name())),
		} {
			if err == nil {
				t.Errorf("%s succeeded", name)
			}
		}
	}},
	{"ClosingTwiceIsHarmless", func(t *testing.T, store core.Store) {
		for range 2 {
			if err := store.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		}
	}},
	{"CallsUnderWayEndOrFail", func(t *testing.T, store core.Store) {
		started := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for seq := int64(1); ; seq++ {
				if err := store.Append(t.Context(), []*core.Batch{batch(t.Name(), seq)}); err != nil {
					return
				}
				if seq == 3 {
					close(started)
				}
			}
		})
		wg.Go(func() {
			for {
				if _, err := store.Log(t.Context(), t.Name(), 0, everything); err != nil {
					return
				}
			}
		})
		<-started
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		wg.Wait()
	}},
}

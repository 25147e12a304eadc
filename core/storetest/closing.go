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
			"Append":          store.Append(t.Context(), []*core.Batch{batch(t.Name(), 1)}),
			"SaveDocuments":   store.SaveDocuments(t.Context(), []core.Document{document(t.Name(), 1)}),
			"Ping":            store.Ping(t.Context()),
			"Log":             second(store.Log(t.Context(), t.Name(), 0, everything)),
			"FindBatch":       second(store.FindBatch(t.Context(), t.Name(), "a", 1)),
			"LastClientSeq":   second(store.LastClientSeq(t.Context(), t.Name(), "a")),
			"Documents":       second(store.Documents(t.Context(), t.Name())),
			"Checkpoint":      second(store.Checkpoint(t.Context(), t.Name())),
			"Oldest":          second(store.Oldest(t.Context(), t.Name(), 0, core.Bounds{Rows: 1, Bytes: 1})),
			"Prune":           store.Prune(t.Context(), t.Name(), 0, 1),
			"Setting":         second(store.Setting(t.Context(), "x")),
			"SaveSetting":     store.SaveSetting(t.Context(), "x", "1"),
			"InitSetting":     second(store.InitSetting(t.Context(), "y", "1")),
			"Now":             second(store.Now(t.Context())),
			"SaveCheckpoints": store.SaveCheckpoints(t.Context(), []core.Checkpoint{{Room: t.Name(), ServerSeq: 1}}),
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

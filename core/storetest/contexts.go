package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

var contextTests = []subtest{
	{"ACancelledCallFailsAndWritesNothing", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1))
		mustSave(t, store, document(t.Name(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, err := range map[string]error{
			"Append":          store.Append(ctx, []*core.Batch{batch(t.Name(), 2)}),
			"SaveDocuments":   store.SaveDocuments(ctx, []core.Document{document(t.Name(), 2)}),
			"Ping":            store.Ping(ctx),
			"Log":             second(store.Log(ctx, t.Name(), 0, everything)),
			"FindBatch":       second(store.FindBatch(ctx, t.Name(), "a", 1)),
			"LastClientSeq":   second(store.LastClientSeq(ctx, t.Name(), "a")),
			"Documents":       second(store.Documents(ctx, t.Name())),
			"Checkpoint":      second(store.Checkpoint(ctx, t.Name())),
			"Oldest":          second(store.Oldest(ctx, t.Name(), 0, core.Bounds{Rows: 1, Bytes: 1})),
			"Prune":           store.Prune(ctx, t.Name(), 0, 1),
			"Setting":         second(store.Setting(ctx, "x")),
			"SaveSetting":     store.SaveSetting(ctx, "x", "1"),
			"InitSetting":     second(store.InitSetting(ctx, "y", "1")),
			"Now":             second(store.Now(ctx)),
			"SaveCheckpoints": store.SaveCheckpoints(ctx, []core.Checkpoint{{Room: t.Name(), ServerSeq: 1}}),
		} {
			t.Run(name, func(t *testing.T) { wantError(t, err, context.Canceled) })
		}
		wantLog(t, store, t.Name(), batch(t.Name(), 1))
		wantDocument(t, readDocuments(t, store, t.Name())["default"], document(t.Name(), 1))
	}},
	{"AnAppendThatIsCutShortIsWholeOrAbsent", func(t *testing.T, store core.Store) {
		for i := range 25 {
			room := fmt.Sprint(t.Name(), i)
			group := history(room, 300)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*i)*20*time.Microsecond)
			err := store.Append(ctx, group)
			cancel()
			switch got := len(readLog(t, store, room, 0, everything)); {
			case got != 0 && got != len(group):
				t.Fatalf("%d of %d batches were written", got, len(group))
			case err == nil && got == 0:
				t.Fatal("an append succeeded and wrote nothing")
			}
		}
	}},
	{"ASaveThatIsCutShortIsWholeOrAbsent", func(t *testing.T, store core.Store) {
		for i := range 25 {
			room := fmt.Sprint(t.Name(), i)
			docs := make([]core.Document, 0, 300)
			for k := range 300 {
				docs = append(docs, core.Document{Room: room, Key: fmt.Sprint(k), ServerSeq: 1, State: "1"})
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*i)*20*time.Microsecond)
			err := store.SaveDocuments(ctx, docs)
			cancel()
			switch got := len(readDocuments(t, store, room)); {
			case got != 0 && got != len(docs):
				t.Fatalf("%d of %d documents were written", got, len(docs))
			case err == nil && got == 0:
				t.Fatal("a save succeeded and wrote nothing")
			}
		}
	}},
}

// second is the error of a call that also returns something else.
func second[T any](_ T, err error) error { return err }

package sqlstore

import (
	"context"
	"fmt"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// How long a room takes to open that has so many batches behind its checkpoint: a large document with small changes, of
// which the server has written no row because it was killed.
//
//	go test ./sqlstore -run '^$' -bench OpeningBehindTheCheckpoint -benchtime 3x
func BenchmarkOpeningBehindTheCheckpoint(b *testing.B) {
	for _, e := range engines {
		for _, batches := range []int{0, 1_000, 30_000, 120_000} {
			b.Run(fmt.Sprintf("%s/batches=%d", e.name, batches), func(b *testing.B) {
				store := openDSN(b, e.newDSN(b))
				doc := core.Document{Room: "room", Key: "default", ServerSeq: 1, State: largeDocument(8 << 20)}
				if err := store.SaveDocuments(b.Context(), []core.Document{doc}); err != nil {
					b.Fatal(err)
				}
				for seq := int64(2); seq <= int64(batches)+1; {
					var group []*core.Batch
					for range min(2000, int64(batches)+2-seq) {
						group = append(group, &core.Batch{Room: "room", Key: "default", ClientID: "ann", ClientSeq: seq, ServerSeq: seq, ServerTs: 1,
							Ops: []core.LoggedOp{{Kind: tree.Set, Path: "n", Value: "1", Index: tree.NoIndex}}})
						seq++
					}
					if err := store.Append(b.Context(), group); err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					hub := core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} }})
					openRoom(b, hub, "room")
					b.Cleanup(func() { _ = hub.Close(context.WithoutCancel(b.Context())) }) // later: it writes the row
				}
			})
		}
	}
}

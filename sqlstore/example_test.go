package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/sqlstore"
)

func Example() {
	directory, err := os.MkdirTemp("", "pathsync")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)

	ctx := context.Background()
	store, err := sqlstore.Open(ctx, "sqlite:"+filepath.Join(directory, "pathsync.db"))
	if err != nil {
		log.Panic(err)
	}
	defer store.Close()

	first := &core.Batch{
		Room: "board-1", Key: "default", ClientID: "ann", ClientSeq: 1, ServerSeq: 1, ServerTs: 1_767_225_600_000,
		Ops: []core.LoggedOp{{Kind: tree.Set, Path: "title", Value: `"Plan"`, Index: tree.NoIndex}},
	}
	fmt.Println(store.Append(ctx, []*core.Batch{first}))

	// Another server takes the number that is taken: it has to read on, renumber and try again.
	fmt.Println(errors.Is(store.Append(ctx, []*core.Batch{first}), core.ErrConflict))

	batches, err := store.Log(ctx, "board-1", 0, core.Page{Batches: 100, Bytes: 1 << 20})
	fmt.Println(len(batches), batches[0].Ops[0].Value, err)
	// Output:
	// <nil>
	// true
	// 1 "Plan" <nil>
}

package tree_test

import (
	"fmt"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

func Example() {
	var d tree.Document
	apply := func(kind tree.Kind, where, value string, index int) {
		p, err := path.Parse(where)
		if err != nil {
			fmt.Println(err)
			return
		}
		op := tree.Op{Kind: kind, Path: p, Index: index}
		if value != "" {
			if op.Value, err = tree.Parse([]byte(value), tree.MaxValueDepth); err != nil {
				fmt.Println(err)
				return
			}
		}
		if err := op.Validate(); err != nil {
			fmt.Println(err)
			return
		}
		op.Normalize(func() string { return "t0" }, 1<<20)
		if reason, _ := d.Apply(op, 0); reason != tree.Applied {
			fmt.Println("discarded:", reason)
			return
		}
		fmt.Printf("%s\n", d.AppendJSON(nil))
	}
	apply(tree.Init, "", `{"tasks": []}`, tree.NoIndex)
	apply(tree.ArrayAdd, "tasks", `{"_sync_id": "t1", "rank": 1.0}`, tree.NoIndex)
	apply(tree.ArrayAdd, "tasks", `{}`, 0)
	apply(tree.ArrayDelete, "tasks[t1]", "", tree.NoIndex)
	apply(tree.Set, "tasks[t1].rank", "2", tree.NoIndex)
	apply(tree.Set, "tasks[t1]._sync_id", `"t2"`, tree.NoIndex)
	// Output:
	// {"tasks":[]}
	// {"tasks":[{"_sync_id":"t1","rank":1.0}]}
	// {"tasks":[{"_sync_id":"t0"},{"_sync_id":"t1","rank":1.0}]}
	// {"tasks":[{"_sync_id":"t0"}]}
	// discarded: item_deleted
	// the _sync_id of an item cannot be changed
}

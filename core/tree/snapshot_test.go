package tree_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

func TestSnapshotStaysWhileDocumentChanges(t *testing.T) {
	const items = 2000
	d, err := tree.LoadDocument([]byte(`{"tasks":` + itemsText(items) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	apply := func(op tree.Op) {
		if reason, _ := d.Apply(op, 0); reason != tree.Applied {
			t.Errorf("%s %s: %s", op.Kind, op.Path, reason)
		}
	}
	tasks := path.Path{{Name: "tasks"}}
	item := func(i int) path.Path { return append(tasks[:1:1], path.Segment{Name: itemID(i), Item: true}) }
	var encoding sync.WaitGroup
	for i := range items {
		if i%50 == 0 {
			want, snapshot := encode(d), d.Snapshot()
			encoding.Go(func() {
				if got := snapshot.JSON(); string(got) != want {
					t.Errorf("the snapshot at %d has changed", i)
				}
			})
		}
		apply(tree.Op{Kind: tree.Set, Path: append(item(i), path.Segment{Name: "title"}), Value: tree.String(fmt.Sprint(i)), Index: tree.NoIndex})
		apply(tree.Op{Kind: tree.ArrayMove, Path: item((i + 1) % items), Index: i * 31 % items})
		if i%3 == 0 {
			apply(tree.Op{Kind: tree.ArrayDelete, Path: item(i), Index: tree.NoIndex})
			added := fmt.Sprintf(`{"_sync_id":%q,"title":"again"}`, itemID(i))
			apply(tree.Op{Kind: tree.ArrayAdd, Path: tasks, Value: mustParse(t, added), Index: i})
		}
	}
	encoding.Wait()
}

// A trial changes the value of an operation, which is then the same for the second trial and for the document.
func TestTrialDuringSnapshotRestoresValuesOfOperations(t *testing.T) {
	d, err := tree.LoadDocument([]byte(`{"tasks":` + itemsText(100) + `,"more":` + itemsText(50) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	before, snapshot := encode(d), d.Snapshot()
	moved, elsewhere := "more["+itemID(3)+"]", mustPath(t, "other")
	ops := []tree.Op{
		{Kind: tree.Set, Path: mustPath(t, "tasks"), Value: mustParse(t, itemsText(60)), Index: tree.NoIndex},
		{Kind: tree.ArrayMove, Path: mustPath(t, "tasks["+itemID(7)+"]"), Index: 50},
		{Kind: tree.ArrayDelete, Path: mustPath(t, "tasks["+itemID(30)+"]"), Index: tree.NoIndex},
		{Kind: tree.Set, Path: mustPath(t, moved+".tasks"), Value: mustParse(t, itemsText(40)), Index: tree.NoIndex},
		{Kind: tree.ArrayMove, Path: mustPath(t, moved), To: &elsewhere, Index: 0},
		{Kind: tree.ArrayMove, Path: mustPath(t, "other["+itemID(3)+"].tasks["+itemID(9)+"]"), Index: 30},
	}
	want := ""
	for range 3 {
		d.Begin()
		for _, op := range ops {
			if reason, _ := d.Apply(op, 0); reason != tree.Applied {
				t.Fatalf("%s %s: %s", op.Kind, op.Path, reason)
			}
		}
		if got := encode(d); want == "" {
			want = got
		} else if got != want {
			t.Fatalf("a later trial gives\n%s\nnot\n%s", got, want)
		}
		d.Rollback()
		if got := encode(d); got != before {
			t.Fatalf("rolled back to\n%s\nnot\n%s", got, before)
		}
	}
	if got := string(snapshot.JSON()); got != before {
		t.Fatalf("the snapshot is now\n%s", got)
	}
}

// A new value is not shared with the snapshot, and an item that is moved into it still is.
func TestItemMovedIntoNewValueStaysInSnapshot(t *testing.T) {
	d, err := tree.LoadDocument([]byte(`{"old":[{"_sync_id":"x","inside":{"n":1}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	before, snapshot := encode(d), d.Snapshot()
	list := mustPath(t, "new.list")
	for _, op := range []tree.Op{
		{Kind: tree.Set, Path: mustPath(t, "new"), Value: mustParse(t, `{"list":[]}`), Index: tree.NoIndex},
		{Kind: tree.ArrayMove, Path: mustPath(t, "old[x]"), To: &list, Index: 0},
		{Kind: tree.Set, Path: mustPath(t, "new.list[x].inside.n"), Value: tree.Number("2"), Index: tree.NoIndex},
	} {
		if reason, _ := d.Apply(op, 0); reason != tree.Applied {
			t.Fatalf("%s %s: %s", op.Kind, op.Path, reason)
		}
	}
	if got := string(snapshot.JSON()); got != before {
		t.Errorf("the snapshot is now %s", got)
	}
}

// A document of 100,000 items is copied by the few nodes on the way to the changed ones.
func TestChangeDuringSnapshotCopiesLittle(t *testing.T) {
	d, err := tree.LoadDocument([]byte(`{"tasks":` + itemsText(100_000) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	const changes = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	snapshots := make([]*tree.Snapshot, changes)
	for i := range snapshots {
		snapshots[i] = d.Snapshot() // a later change must not find the copies of an earlier one
		p := path.Path{{Name: "tasks"}, {Name: itemID(i * 7919 % 100_000), Item: true}, {Name: "title"}}
		d.Apply(tree.Op{Kind: tree.Set, Path: p, Value: tree.String("x"), Index: tree.NoIndex}, 0)
	}
	runtime.ReadMemStats(&after)
	if bytes := (after.TotalAlloc - before.TotalAlloc) / changes; bytes > 16<<10 {
		t.Errorf("a change copies %d bytes", bytes)
	}
}

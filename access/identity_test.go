package access

import (
	"testing"
	"time"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

func TestGrantsAllowActions(t *testing.T) {
	editor := Grant{Rooms: Glob("board-*"), Read: true, Write: true, Presence: true}
	for _, c := range []struct {
		name   string
		grants []Grant
		room   string
		want   map[Action]bool
	}{
		{"no grants", nil, "board-7", map[Action]bool{}},
		{"a grant without permissions", []Grant{{Rooms: Glob("*")}}, "board-7", map[Action]bool{}},
		{"an editor", []Grant{editor}, "board-7", map[Action]bool{Read: true, Write: true, Presence: true}},
		{"an editor of other rooms", []Grant{editor}, "wall-7", map[Action]bool{}},
		{"a reader", []Grant{{Rooms: Exact("board-7"), Read: true}}, "board-7", map[Action]bool{Read: true}},
		{"a writer without read permission", []Grant{{Rooms: Exact("board-7"), Write: true}}, "board-7", map[Action]bool{Write: true}},
		{"several grants add up", []Grant{{Rooms: Glob("*"), Read: true}, {Rooms: Exact("board-7"), Presence: true}}, "board-7",
			map[Action]bool{Read: true, Presence: true}},
		{"each in its own rooms", []Grant{{Rooms: Glob("*"), Read: true}, {Rooms: Exact("board-7"), Write: true}}, "board-8",
			map[Action]bool{Read: true}},
	} {
		identity := Identity{User: "u", Grants: c.grants}
		for _, action := range []Action{Read, Write, Presence} {
			if got := identity.Allows(action, c.room); got != c.want[action] {
				t.Errorf("%s: Allows(%d) = %v", c.name, action, got)
			}
		}
	}
	for _, action := range []Action{Read, Write, Presence} {
		if !Unrestricted().Allows(action, "any room") {
			t.Errorf("anyone may not %d", action)
		}
	}
}

func parsed(t *testing.T, text string) path.Path {
	t.Helper()
	p, err := path.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadOnlyPartAndItsAncestorsCannotBeChanged(t *testing.T) {
	op := func(kind tree.Kind, at string) *tree.Op {
		return &tree.Op{Kind: kind, Path: parsed(t, at), Index: tree.NoIndex}
	}
	add := func(at, value string) *tree.Op {
		v, err := tree.Parse([]byte(value), 64)
		if err != nil {
			t.Fatal(err)
		}
		return &tree.Op{Kind: tree.ArrayAdd, Path: parsed(t, at), Value: v, Index: tree.NoIndex}
	}
	to := func(item, array string) *tree.Op {
		to := parsed(t, array)
		return &tree.Op{Kind: tree.ArrayMove, Path: parsed(t, item), To: &to, Index: tree.NoIndex}
	}
	for _, c := range []struct {
		part string
		op   *tree.Op
		want bool
	}{
		{"budget", op(tree.Set, "title"), true},
		{"budget", op(tree.Set, "budgets"), true},
		{"budget", op(tree.Set, "budget"), false},
		{"budget", op(tree.Delete, "budget"), false},
		{"budget", op(tree.Set, "budget.total"), false},
		{"budget", op(tree.Set, ""), false},
		{"budget", op(tree.Init, ""), false},
		{"budget", op(tree.ArrayMove, "budget[a]"), false},
		{"budget", add("budget", `{"_sync_id":"x"}`), false},
		{"plan.budget", op(tree.Set, "plan"), false},
		{"plan.budget", op(tree.Delete, "plan"), false},
		{"plan.budget", op(tree.Set, "plan.title"), true},
		{"plan.budget", add("plan", `{"_sync_id":"budget"}`), false}, // the parent would become an array
		{`a\.b`, op(tree.Set, "a.b"), true},
		{`a\.b`, op(tree.Set, `a\.b.c`), false},
		{"l[x.y]", op(tree.Set, `l[x\.y].n`), false}, // two spellings of one path
		{"tasks[t1].cost", op(tree.Set, "tasks[t1].title"), true},
		{"tasks[t1].cost", op(tree.Set, "tasks[t2].cost"), true},
		{"tasks[t1].cost", op(tree.Set, "tasks[t1].cost"), false},
		{"tasks[t1].cost", op(tree.Set, "tasks[t1]"), false},
		{"tasks[t1].cost", op(tree.ArrayDelete, "tasks[t1]"), false},
		{"tasks[t1].cost", op(tree.ArrayDelete, "tasks[t2]"), true},
		{"tasks[t1].cost", op(tree.Set, "tasks"), false},
		{"tasks[t1].cost", add("tasks", `{"_sync_id":"t2"}`), true},
		{"tasks[t1].cost", add("tasks", `{"_sync_id":"t1"}`), false}, // it would replace the item
		{"tasks[t1].cost", add("tasks[t1].subs", `{"_sync_id":"t1"}`), true},
		{"tasks.t1", op(tree.Set, "tasks[t1]"), true}, // a member, not an item
		{"tasks[t1].cost", to("old[t2]", "tasks"), true},
		{"tasks[t1].cost", to("old[t1]", "tasks"), false}, // it would replace the item
		{"tasks[t1].cost", to("tasks[t1]", "old"), false},
		{"tasks[t1].cost", to("tasks[t2]", "old"), true},
		{"tasks[t1].cost", to("tasks[t2]", "tasks[t1].cost"), false},
		{"tasks[t1].cost", to("tasks[t2]", "tasks[t1].subs"), true},
		{"plan.budget", to("tasks[t1]", "plan"), false}, // the parent would become an array
		{"plan.budget", to("tasks[t1]", "plan.budget.lines"), false},
		{"plan.budget", to("plan.budget.lines[l1]", "lines"), false},
		{"", op(tree.Set, "title"), false},
		{"", op(tree.Init, ""), false},
	} {
		identity := Unrestricted()
		identity.ReadOnly = []ReadOnly{{Rooms: Glob("*"), Keys: Exact("default"), Path: parsed(t, c.part)}}
		if got := identity.AllowsOp("board-7", "default", c.op); got != c.want {
			t.Errorf("%q is read-only: %s %q is allowed: %v", c.part, c.op.Kind, c.op.Path, got)
		}
		if !identity.AllowsOp("board-7", "notes", c.op) {
			t.Errorf("%q is read-only in another key: %s %q is denied", c.part, c.op.Kind, c.op.Path)
		}
	}
}

func TestReadOnlyPartAppliesToItsRoomsOnly(t *testing.T) {
	identity := Unrestricted()
	identity.ReadOnly = []ReadOnly{{Rooms: Glob("archive-*"), Keys: Glob("*")}}
	op := &tree.Op{Kind: tree.Set, Path: parsed(t, "title")}
	if identity.AllowsOp("archive-2024", "default", op) || !identity.AllowsOp("board-7", "default", op) {
		t.Error("a read-only part applies to other rooms")
	}
	if (Identity{}).AllowsOp("board-7", "default", op) {
		t.Error("an identity without grants may write")
	}
}

func TestIdentityExpiresAtItsTime(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	identity := Identity{Expires: at}
	if identity.Expired(at.Add(-1)) || !identity.Expired(at) || (Identity{}).Expired(at) {
		t.Error("the identity does not expire at its time")
	}
}

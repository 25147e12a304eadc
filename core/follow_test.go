package core_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
)

func TestFollowedOperationIsLoggedWithResultingPath(t *testing.T) {
	s := newState(t, nil)
	decided := s.Decide([]*core.Proposal{
		batch(t, "ann", 1, `init "" {"a":[{"_sync_id":"x"}],"b":[],"c":[]}`),
		batch(t, "ann", 2, "array_move a[x] ->b"),
		batch(t, "bob", 1, "set a[x].n 1", "array_move a[x] ->c", "set a[x].m 2"),
	}, 0)
	ops := decided[2].Ops
	if ops[0].Path != "b[x].n" || ops[1].Path != "b[x]" || ops[1].Value != `"c"` || ops[1].Index != 0 || ops[2].Path != "c[x].m" {
		t.Errorf("logged: %+v", ops)
	}
	replayed := newState(t, nil)
	for _, d := range decided {
		if err := s.Fold(d.Batch); err != nil {
			t.Fatal(err)
		}
		if err := replayed.Fold(d.Batch); err != nil {
			t.Fatal(err)
		}
	}
	want := `default@3 {"a":[],"b":[],"c":[{"_sync_id":"x","n":1,"m":2}]}`
	for _, s := range []*core.State{s, replayed} {
		if got := strings.TrimSpace(bytesOf(s)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestOperationDoesNotFollowIntoReadOnlyPart(t *testing.T) {
	s := newState(t, nil)
	p := batch(t, "bob", 1, "set a[x].n 1")
	p.Allows = func(op *tree.Op) bool { return op.Path[0].Name != "locked" }
	d := s.Decide([]*core.Proposal{
		batch(t, "ann", 1, `init "" {"a":[{"_sync_id":"x"}],"locked":[]}`),
		batch(t, "ann", 2, "array_move a[x] ->locked"),
		p,
	}, 0)
	if op := d[2].Ops[0]; op.Discarded != tree.ItemDeleted || op.Path != "a[x].n" {
		t.Errorf("logged: %+v", op)
	}
}

func TestOperationOnForgottenMoveIsDiscarded(t *testing.T) {
	s := newState(t, nil)
	for _, d := range s.Decide([]*core.Proposal{
		batch(t, "ann", 1, `init "" {"a":[{"_sync_id":"x"}],"b":[]}`), batch(t, "ann", 2, "array_move a[x] ->b"),
	}, 0) {
		if err := s.Fold(d.Batch); err != nil {
			t.Fatal(err)
		}
	}
	reopened := newState(t, rowsOf(s))
	if op := reopened.Decide([]*core.Proposal{batch(t, "bob", 1, "set a[x].n 1")}, 0)[0].Ops[0]; op.Discarded != tree.ItemDeleted {
		t.Errorf("logged: %+v", op)
	}
}

func TestRememberedMovesAreLimited(t *testing.T) {
	s := newState(t, nil)
	fold := func(p *core.Proposal) core.LoggedOp {
		d := s.Decide([]*core.Proposal{p}, 0)[0]
		if err := s.Fold(d.Batch); err != nil {
			t.Fatal(err)
		}
		return d.Ops[len(d.Ops)-1]
	}
	fold(batch(t, "ann", 1, `init "" {"a":[{"_sync_id":"x"},{"_sync_id":"y"}],"b":[],"c":[]}`, "array_move a[x] ->b"))
	for range 2000 {
		fold(batch(t, "ann", core.NoClientSeq, "array_move a[y] ->c", "array_move c[y] ->a"))
	}
	fold(batch(t, "ann", 2, "array_move a[y] ->c"))
	if op := fold(batch(t, "bob", 1, "set a[y].n 1")); op.Path != "c[y].n" {
		t.Errorf("the latest move is not followed: %+v", op)
	}
	if op := fold(batch(t, "bob", 2, "set a[x].n 1")); op.Discarded != tree.ItemDeleted {
		t.Errorf("one of 4,000 moves ago is followed still: %+v", op)
	}
}

func TestRepeatedBatchIsRecognisedByItsLogRows(t *testing.T) {
	sent := []string{
		"set a[x].n 1", `array_add a[x].s {"_sync_id":"s"} ~z`, "array_move a[x] ->c", "array_move a[x] ~z", "array_del a[gone]",
		"array_move a[gone] @3", "array_move a[gone] ~z", "array_move a[y] @9", "array_move q[w] ->a[x].s",
	}
	begin := func(t *testing.T) (*memstore.Store, *core.Room) {
		store := memstore.New()
		r := room(t, newHub(t, store), "room")
		submit(t, r, batch(t, "ann", 1, `init "" {"a":[{"_sync_id":"x"},{"_sync_id":"y"}],"b":[],"c":[],"q":[{"_sync_id":"w"}]}`))
		submit(t, r, batch(t, "ann", 2, "array_move a[x] ->b"))
		return store, r
	}
	t.Run("the same", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, r := begin(t)
			first := submit(t, r, batch(t, "bob", 1, sent...))
			submit(t, r, batch(t, "ann", 3, "array_move c[x] ->a")) // it would be followed elsewhere now
			for _, r := range []*core.Room{r, room(t, newHub(t, store), "room")} {
				again := submit(t, r, batch(t, "bob", 1, sent...))
				if !again.Duplicate || again.Batch.ServerSeq != first.Batch.ServerSeq {
					t.Errorf("duplicate: %v, batch %d", again.Duplicate, again.Batch.ServerSeq)
				}
			}
		})
	})
	for i, other := range map[int][]string{
		0: {"set a[y].n 1", "set a[x].m 1", "set x.n 1", "set a[x].n 2"},
		1: {`array_add a[y].s {"_sync_id":"s"} ~z`, `array_add s {"_sync_id":"s"} ~z`, `array_add a[x].s {"_sync_id":"t"} ~z`},
		2: {"array_move a[x] ->b", "array_move a[x] @0", "array_move a[y] ->c"},
		5: {"array_move a[gone] @4", "array_move a[gone] ~z"},
		6: {"array_move a[gone] @3"},
		7: {"array_move a[y] ->a"},
		8: {"array_move q[w] ->a[x].t", "array_move q[w] ->a[y].s", "array_move q[w] ->s"},
	} {
		for _, op := range other {
			t.Run(op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, r := begin(t)
					submit(t, r, batch(t, "bob", 1, sent...))
					changed := append([]string{}, sent...)
					changed[i] = op
					if _, err := r.Submit(t.Context(), batch(t, "bob", 1, changed...)); !errors.Is(err, core.ErrClientSeqReused) {
						t.Errorf("%q instead of %q: err = %v", op, sent[i], err)
					}
				})
			})
		}
	}
}

package tree_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/pathsync/pathsync/core/tree"
)

type vector struct {
	Name   string
	Limit  int
	Before *string // nil: the document does not exist
	Ops    []struct {
		Op         tree.Kind
		Path       string
		Value      json.RawMessage
		ArrayIndex *int
		After      anchors
		To         *string
	}
	Results []struct {
		Status     string
		Reason     tree.Reason
		ArrayIndex *int
		Path       *string // where the op has followed a moved item to
		To         *string
	}
	After *string
}

// anchors are `after` as it is on the wire: an id, null, or a list of these.
type anchors []string

func (a *anchors) UnmarshalJSON(text []byte) error {
	var list []*string
	if text[0] != '[' {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for _, anchor := range list {
		if anchor == nil {
			*a = append(*a, tree.First)
		} else {
			*a = append(*a, *anchor)
		}
	}
	return nil
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("../../tests/vectors/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	return vectors
}

// ops reads the operations of a vector, which are valid and normal.
func (v vector) ops(t *testing.T) []tree.Op {
	t.Helper()
	ops := make([]tree.Op, len(v.Ops))
	for i, o := range v.Ops {
		ops[i] = tree.Op{Kind: o.Op, Path: mustPath(t, o.Path), Index: tree.NoIndex}
		if o.Value != nil {
			ops[i].Value = mustParse(t, string(o.Value))
		}
		if o.ArrayIndex != nil {
			ops[i].Index = *o.ArrayIndex
		}
		ops[i].After = o.After
		if o.To != nil {
			to := mustPath(t, *o.To)
			ops[i].To = &to
		}
		if err := ops[i].Validate(); err != nil {
			t.Fatalf("op %d: %v", i, err)
		}
		if changed, _ := ops[i].Normalize(func() string { return "new" }, 1<<20); changed {
			t.Fatalf("op %d is not normal", i)
		}
	}
	return ops
}

// follow has an operation follow moved items, and compares where it leads with the vector's.
func (v vector) follow(t *testing.T, i int, d *tree.Document, op tree.Op) tree.Op {
	t.Helper()
	followed, did := d.Follow(op)
	v.checkPaths(t, i, followed)
	if want := v.Results[i].Path != nil || v.Results[i].To != nil; did != want {
		t.Errorf("op %d: followed: %v", i, did)
	}
	return followed
}

func (v vector) checkPaths(t *testing.T, i int, followed tree.Op) {
	t.Helper()
	path, to := v.Ops[i].Path, orNothing(v.Ops[i].To)
	if v.Results[i].Path != nil {
		path = *v.Results[i].Path
	}
	if v.Results[i].To != nil {
		to = *v.Results[i].To
	}
	if followed.Path.String() != mustPath(t, path).String() || followed.To != nil && followed.To.String() != to {
		t.Errorf("op %d: leads to %s and %s, want %s and %s", i, followed.Path, toText(followed), path, to)
	}
}

// check compares the outcome of one operation with the vector's.
func (v vector) check(t *testing.T, i int, reason tree.Reason, index int) {
	t.Helper()
	want := v.Results[i]
	if (want.Status == "applied") != (reason == tree.Applied) || reason != want.Reason {
		t.Errorf("op %d: %q, want %s %s", i, reason, want.Status, want.Reason)
	}
	if want.ArrayIndex != nil && index != *want.ArrayIndex {
		t.Errorf("op %d: index %d, want %d", i, index, *want.ArrayIndex)
	}
	if want.ArrayIndex == nil && reason == tree.Applied && index != tree.NoIndex {
		t.Errorf("op %d: index %d, want none", i, index)
	}
}

func orNothing(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func (v vector) document(t *testing.T) *tree.Document {
	t.Helper()
	if v.Before == nil {
		return &tree.Document{}
	}
	d, err := tree.LoadDocument([]byte(*v.Before))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			d := v.document(t)
			before := encode(d)
			ops := v.ops(t)
			if len(ops) != len(v.Results) {
				t.Fatalf("%d ops and %d results", len(ops), len(v.Results))
			}

			d.Begin()
			for i, op := range ops {
				reason, index := d.Apply(v.follow(t, i, d, op), v.Limit)
				v.check(t, i, reason, index)
			}
			d.Rollback()
			if got := encode(d); got != before || d.Size() != len(before) || d.Exists() != (v.Before != nil) {
				t.Errorf("rolled back to %s, size %d", got, d.Size())
			}

			log := v.ops(t)
			var applied []tree.Op
			for i, op := range ops {
				before := encode(d)
				op = v.follow(t, i, d, op)
				reason, index := d.Apply(op, v.Limit)
				v.check(t, i, reason, index)
				if reason == tree.Applied {
					log[i].Path, log[i].To, log[i].Index, log[i].After = op.Path, op.To, index, nil
					applied = append(applied, log[i])
				} else if got := encode(d); got != before {
					t.Errorf("op %d is discarded, and makes of %s %s", i, before, got)
				}
			}
			if got := encode(d); got != orNothing(v.After) || d.Size() != len(got) || d.Exists() != (v.After != nil) {
				t.Errorf("after: %s, size %d\nwant:  %s", got, d.Size(), orNothing(v.After))
			}

			d = v.document(t)
			for _, op := range applied {
				d.Apply(op, 0)
			}
			if got := encode(d); got != orNothing(v.After) {
				t.Errorf("replayed: %s\nwant:     %s", got, orNothing(v.After))
			}
		})
	}
}

func TestModelPassesVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			var m model
			if v.Before != nil {
				m.root = readModel(*v.Before)
			}
			for i, op := range v.ops(t) {
				op = m.follow(op)
				v.checkPaths(t, i, op)
				reason, index := m.apply(op, v.Limit)
				v.check(t, i, reason, index)
			}
			if got := m.encode(); got != orNothing(v.After) {
				t.Errorf("after: %s\nwant:  %s", got, orNothing(v.After))
			}
		})
	}
}

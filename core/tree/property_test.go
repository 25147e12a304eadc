package tree_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

func mustParse(t testing.TB, text string) tree.Value {
	t.Helper()
	v, err := tree.ParseStored([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func mustPath(t testing.TB, text string) path.Path {
	t.Helper()
	p, err := path.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func encode(d *tree.Document) string { return string(d.AppendJSON(nil)) }

// generator makes random operations. A small one often repeats paths; a large one makes a list of many items.
type generator struct {
	*rand.Rand
	t      testing.TB
	large  bool
	lists  bool // lists of items with lists, between which items are moved
	wide   bool // values with many items
	names  int
	newIDs int
}

func (w *generator) pick(of ...string) string { return of[w.IntN(len(of))] }
func (w *generator) name() string             { return string(rune('a'+w.IntN(3))) + strconv.Itoa(w.IntN(w.names)) }
func (w *generator) id() string               { return w.pick("x", "y", "z.", "ü[") + strconv.Itoa(w.IntN(w.names)) }

func (w *generator) path() path.Path {
	var p path.Path
	if w.lists && w.IntN(20) > 0 {
		return w.inLists()
	}
	if w.large && w.IntN(3) > 0 {
		p = append(p, path.Segment{Name: "list"})
		if w.IntN(2) == 0 {
			p = append(p, path.Segment{Name: w.id(), Item: true})
		}
		return p
	}
	for range w.IntN(5) {
		if len(p) > 0 && w.IntN(2) == 0 {
			p = append(p, path.Segment{Name: w.id(), Item: true})
		} else {
			p = append(p, path.Segment{Name: w.name()})
		}
	}
	if len(p) == 0 && w.IntN(20) > 0 { // rarely the whole document, or it would never become much
		p = append(p, path.Segment{Name: w.name()})
	}
	return p
}

// inLists is the path of a list, an item, a list in an item and so on.
func (w *generator) inLists() path.Path {
	p := path.Path{{Name: w.pick("a0", "b0")}}
	for range w.IntN(4) {
		if !p[len(p)-1].Item {
			p = append(p, path.Segment{Name: w.pick("x0", "x1", "y0"), Item: true})
		} else {
			p = append(p, path.Segment{Name: w.pick("a0", "a0", "b0")})
		}
	}
	return p
}

func (w *generator) value(depth int) string {
	if depth == 0 || w.IntN(3) == 0 {
		return w.pick("null", "true", "1", "1.0", "-0", "1e5", `"s"`, `"\u0000\"é\u2028"`, `""`, "{}", "[]")
	}
	if w.wide && depth > 1 && w.IntN(3) > 0 {
		return w.items()
	}
	if w.IntN(2) == 0 {
		return w.object(depth, "")
	}
	var elements []string
	for range w.IntN(4) {
		if w.IntN(6) == 0 {
			elements = append(elements, w.value(depth-1))
		} else {
			elements = append(elements, w.object(depth-1, fmt.Sprintf(`"_sync_id":%q,`, w.id())))
		}
	}
	return "[" + strings.Join(elements, ",") + "]"
}

// items is an array of so many items that a document keeps them in a tree.
func (w *generator) items() string {
	var items []string
	for _, letter := range []string{"x", "y", "z."} {
		for n := range 15 {
			items = append(items, w.object(1, fmt.Sprintf(`"_sync_id":"%s%d",`, letter, n)))
		}
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (w *generator) object(depth int, members string) string {
	seen := map[string]bool{}
	for range w.IntN(4) {
		if name := w.name(); !seen[name] {
			seen[name] = true
			members += fmt.Sprintf("%q:%s,", name, w.value(max(0, depth-1)))
		}
	}
	return "{" + strings.TrimSuffix(members, ",") + "}"
}

// op makes a valid, normal operation.
func (w *generator) op() tree.Op {
	for {
		op := tree.Op{Path: w.path(), Index: tree.NoIndex}
		op.Kind = []tree.Kind{
			tree.Set, tree.Set, tree.Delete, tree.ArrayAdd, tree.ArrayAdd, tree.ArrayAdd, tree.ArrayDelete,
			tree.ArrayMove, tree.Init,
		}[w.IntN(9)]
		if w.large && len(op.Path) == 1 && op.Kind != tree.ArrayAdd {
			continue // lest the list be lost as soon as it is there
		}
		if w.lists && w.IntN(3) == 0 {
			op.Kind = tree.ArrayMove
		}
		if w.lists && w.IntN(20) > 0 && (op.Kind == tree.Set || op.Kind == tree.Delete) && len(op.Path)%2 == 1 {
			continue // likewise
		}
		switch op.Kind {
		case tree.Set:
			op.Value = mustParse(w.t, w.value(3))
		case tree.ArrayAdd:
			op.Value = mustParse(w.t, w.object(2, fmt.Sprintf(`"_sync_id":%q,`, w.id())))
			w.place(&op, w.IntN(2*w.names+1)-1)
		case tree.ArrayMove:
			w.place(&op, w.IntN(2*w.names))
			if w.IntN(3) == 0 || w.lists && w.IntN(2) == 0 {
				to := w.path()
				op.To = &to
			}
		case tree.Init:
			op.Path, op.Value = nil, mustParse(w.t, w.value(3))
		}
		if op.Validate() == nil {
			op.Normalize(func() string { w.newIDs++; return "new" + strconv.Itoa(w.newIDs) }, 1<<30)
			return op
		}
	}
}

// place gives an operation an index, or anchors instead.
func (w *generator) place(op *tree.Op, index int) {
	if w.IntN(2) == 0 {
		op.Index = index
		return
	}
	for range 1 + w.IntN(3) {
		if w.IntN(5) == 0 {
			op.After = append(op.After, tree.First)
		} else {
			op.After = append(op.After, w.id())
		}
	}
}

// logged is an operation as a log has it: texts.
type logged struct {
	kind            tree.Kind
	path, value, to string // to: in quotes
	index           int
}

func TestRandomOperationsMatchModel(t *testing.T) {
	for seed := range uint64(20) {
		for _, tt := range []struct {
			name      string
			generator generator
			limit     int
		}{
			{"small", generator{names: 2}, 0},
			{"limited", generator{names: 2}, 300},
			{"large", generator{names: 20, large: true}, 0},
			{"lists", generator{names: 2, lists: true}, 0},
			{"wide", generator{names: 2, wide: true}, 0},
			{"wide lists", generator{names: 2, lists: true, wide: true}, 0},
			{"limited lists", generator{names: 2, lists: true}, 500},
		} {
			t.Run(fmt.Sprint(tt.name, seed), func(t *testing.T) {
				w := tt.generator
				w.t, w.Rand = t, rand.New(rand.NewPCG(seed, 0))
				live(t, &w, tt.limit, 250)
			})
		}
	}
}

// versions are snapshots whose encoding is still to come, with what it must be.
type versions struct {
	snapshots []*tree.Snapshot
	texts     []string
}

// step takes a snapshot now and then, and encodes one now and then.
func (v *versions) step(w *generator, d *tree.Document) {
	if d.Exists() && w.IntN(8) == 0 {
		v.snapshots, v.texts = append(v.snapshots, d.Snapshot()), append(v.texts, encode(d))
	}
	if n := len(v.texts); n > 0 && w.IntN(8) == 0 {
		i := w.IntN(n)
		if got := string(v.snapshots[i].JSON()); got != v.texts[i] {
			w.t.Fatalf("the snapshot is now\n%s\nand was\n%s", got, v.texts[i])
		}
		v.snapshots, v.texts = slices.Delete(v.snapshots, i, i+1), slices.Delete(v.texts, i, i+1)
	}
}

// live applies operations to a document and to the model, with trials in between that are rolled back, and with snapshots
// that are encoded later. It replays the log at the end.
func live(t *testing.T, w *generator, limit, operations int) {
	var d tree.Document
	var m model
	var v versions
	var log []logged
	for n := 0; n < operations; {
		ops := make([]tree.Op, 1+w.IntN(20))
		for i := range ops {
			ops[i] = w.op()
		}
		before := encode(&d)
		reasons, indexes := make([]tree.Reason, len(ops)), make([]int, len(ops))
		values := make([]string, len(ops))
		d.Begin()
		for i, op := range ops {
			if op.Value != nil {
				values[i] = string(tree.AppendJSON(nil, op.Value))
			}
			op, _ = d.Follow(op)
			reasons[i], indexes[i] = d.Apply(op, limit)
		}
		d.Rollback()
		if encode(&d) != before || d.Size() != len(before) {
			t.Fatalf("rolled back to\n%s (%d), not\n%s (%d)", encode(&d), d.Size(), before, len(before))
		}
		for i, op := range ops {
			v.step(w, &d)
			expected := m.follow(op)
			if op, _ = d.Follow(op); op.Path.String() != expected.Path.String() || toText(op) != toText(expected) {
				t.Fatalf("%s is followed to %s and %s, want %s and %s", ops[i].Path, op.Path, toText(op), expected.Path, toText(expected))
			}
			wantReason, wantIndex := m.apply(op, limit)
			reason, index := d.Apply(op, limit)
			if reason != wantReason || index != wantIndex {
				t.Fatalf("%s %s %s: %q %d, want %q %d; document %s",
					op.Kind, op.Path, values[i], reason, index, wantReason, wantIndex, encode(&d))
			}
			if reason != reasons[i] || index != indexes[i] {
				t.Fatalf("%s %s: %q %d, but on trial %q %d", op.Kind, op.Path, reason, index, reasons[i], indexes[i])
			}
			got, want := encode(&d), m.encode()
			if got != want || d.Size() != len(got) {
				t.Fatalf("%s %s %s:\n%s (%d)\nwant\n%s (%d)",
					op.Kind, op.Path, values[i], got, d.Size(), want, len(want))
			}
			if reason == tree.Applied {
				log = append(log, logged{op.Kind, op.Path.String(), values[i], toText(op), index})
			}
		}
		n += len(ops)
	}
	replay(t, log, encode(&d))
}

// toText is where an operation moves an item to, in quotes; "" when it does not.
func toText(op tree.Op) string {
	if op.To == nil {
		return ""
	}
	return `"` + op.To.String() + `"`
}

func replay(t *testing.T, log []logged, want string) {
	var d tree.Document
	for i, l := range log {
		op := tree.Op{Kind: l.kind, Path: mustPath(t, l.path), Index: l.index}
		if l.value != "" {
			op.Value = mustParse(t, l.value)
		}
		if l.to != "" {
			to := mustPath(t, l.to[1:len(l.to)-1])
			op.To = &to
		}
		if reason, index := d.Apply(op, 0); reason != tree.Applied || index != l.index {
			t.Fatalf("replaying %d, %+v: %q %d", i, l, reason, index)
		}
	}
	if got := encode(&d); got != want {
		t.Fatalf("the replay gives\n%s\nnot\n%s", got, want)
	}
}

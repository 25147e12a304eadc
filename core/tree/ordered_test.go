package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"unsafe"
	"weak"

	"github.com/pathsync/pathsync/core/path"
)

// checkTree reports a node that breaks what the tree promises: counts, links, the index, and balance.
func checkTree(t *testing.T, n *node, tr *orderedTree) int {
	t.Helper()
	if n == nil {
		return 0
	}
	for _, child := range []*node{n.left, n.right} {
		if child != nil && child.parent != n {
			t.Fatalf("%q is not its child's parent", n.key)
		}
	}
	if tr.index[n.key] != n {
		t.Fatalf("%q is not in the index", n.key)
	}
	if l, r := n.left.weight(), n.right.weight(); l > maxRatio*r || r > maxRatio*l {
		t.Fatalf("%q is out of balance: %d and %d", n.key, l, r)
	}
	count := checkTree(t, n.left, tr) + 1 + checkTree(t, n.right, tr)
	if n.count != count {
		t.Fatalf("%q counts %d of %d", n.key, n.count, count)
	}
	return count
}

func depth(n *node) int {
	if n == nil {
		return 0
	}
	return 1 + max(depth(n.left), depth(n.right))
}

func checkOrdered(t *testing.T, s *ordered, want []entry) {
	t.Helper()
	if !slices.Equal(s.entries(), want) || s.len() != len(want) {
		t.Fatalf("got %v (%d), want %v", s.entries(), s.len(), want)
	}
	for i, e := range want {
		if s.get(e.key) != e.value || s.position(e.key) != i {
			t.Fatalf("%q is found as %v at %d, not %v at %d", e.key, s.get(e.key), s.position(e.key), e.value, i)
		}
	}
	if s.get("missing") != nil {
		t.Fatal("what is missing is found")
	}
	if s.many == nil {
		return
	}
	// By weights of at most 3 to 1, each level leaves at most 3/4 of the weight.
	if deepest := math.Log(float64(len(want)+1)) / math.Log(4.0/3); float64(depth(s.many.root)) > deepest {
		t.Fatalf("%d entries are %d deep", len(want), depth(s.many.root))
	}
	if s.many.root.parent != nil || len(s.many.index) != len(want) || checkTree(t, s.many.root, s.many) != len(want) {
		t.Fatal("the tree and its index differ")
	}
}

func TestOrderedContainerBehavesLikeSlice(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			var s ordered
			var want []entry
			next := 0
			for step := range 1500 {
				// It grows for 300 steps, then shrinks for 300, through both borders between slice and tree.
				grows := 1 + 2*(1-step/300%2)
				switch at := r.IntN(len(want) + 1); {
				case at == len(want) || r.IntN(4) < grows:
					e := entry{strconv.Itoa(next), Number(strconv.Itoa(next))}
					next++
					s.insert(at, e.key, e.value)
					want = slices.Insert(want, at, e)
				case r.IntN(3) == 0:
					to := r.IntN(len(want))
					e := want[at]
					s.move(e.key, to)
					want = slices.Insert(slices.Delete(want, at, at+1), to, e)
				case r.IntN(2) == 0:
					want[at].value = Number(strconv.Itoa(step))
					s.replace(want[at].key, want[at].value)
				default:
					s.remove(want[at].key)
					want = slices.Delete(want, at, at+1)
				}
				if step%5 == 0 {
					checkOrdered(t, &s, want)
				}
			}
			checkOrdered(t, &s, want)
			if next < 400 {
				t.Fatalf("only %d entries came", next)
			}
		})
	}
}

func TestTreeStaysBalancedInAnyOrder(t *testing.T) {
	const n = 3000
	for _, tt := range []struct {
		name   string
		insert func(i int) (at int)
		remove func(left int) (at int)
	}{
		{"at the end", func(i int) int { return i }, func(left int) int { return left - 1 }},
		{"at the beginning", func(int) int { return 0 }, func(int) int { return 0 }},
		{"in the middle", func(i int) int { return i / 2 }, func(left int) int { return left / 2 }},
		{"at both ends", func(i int) int { return i % 2 * i }, func(left int) int { return left % 2 * (left - 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s ordered
			var want []entry
			check := func(step int) {
				if step%250 == 0 {
					checkOrdered(t, &s, want)
				}
			}
			for i := range n {
				at, e := tt.insert(i), entry{strconv.Itoa(i), Null{}}
				s.insert(at, e.key, e.value)
				want = slices.Insert(want, at, e)
				check(i)
			}
			for left := n; left > 0; left-- {
				at := tt.remove(left)
				s.remove(want[at].key)
				want = slices.Delete(want, at, at+1)
				check(left)
			}
		})
	}
}

func TestShrunkContainerFreesMemory(t *testing.T) {
	var s ordered
	for i := range 1000 {
		s.insert(i, strconv.Itoa(i), Null{})
	}
	if s.many == nil {
		t.Fatal("a thousand entries are a slice")
	}
	for i := range 1000 - minMany {
		s.remove(strconv.Itoa(i))
	}
	if s.many != nil || s.len() != minMany {
		t.Errorf("%d entries are still a tree", s.len())
	}
}

func TestRemovedEntryIsFreed(t *testing.T) {
	entries := make([]entry, 1000)
	for i := range entries {
		entries[i] = entry{strconv.Itoa(i), &Object{}}
	}
	removed := weak.Make(entries[500].value.(*Object))
	s, _ := newOrdered(entries)
	clear(entries)
	s.remove("500")
	runtime.GC()
	if removed.Value() != nil {
		t.Error("it is")
	}
	runtime.KeepAlive(&s)
}

func TestMemberNameDoesNotRetainItsPath(t *testing.T) {
	p, err := path.Parse("parent.member")
	if err != nil {
		t.Fatal(err)
	}
	var d Document
	d.Apply(Op{Kind: Set, Path: p, Value: Null{}, Index: NoIndex}, 0) // makes both
	d.Apply(Op{Kind: Set, Path: p[1:], Value: Null{}, Index: NoIndex}, 0)
	o := d.root.(*Object)
	for _, e := range slices.Concat(o.entries(), o.Get("parent").(*Object).entries()) {
		for _, s := range p {
			if unsafe.StringData(e.key) == unsafe.StringData(s.Name) {
				t.Errorf("the name %s shares the memory of its path", e.key)
			}
		}
	}
}

func TestDuplicateKeysAreDetected(t *testing.T) {
	for _, n := range []int{3, maxFew, maxFew + 1, 500} {
		entries := make([]entry, n)
		for i := range entries {
			entries[i].key = strconv.Itoa(i)
		}
		if _, duplicate := newOrdered(slices.Clone(entries)); duplicate != -1 {
			t.Errorf("of %d, entry %d is a duplicate of none", n, duplicate)
		}
		entries[n-1].key = "1"
		if _, duplicate := newOrdered(entries); duplicate != n-1 {
			t.Errorf("of %d, the duplicate is %d", n, duplicate)
		}
	}
}

package tree

import (
	"iter"
	"runtime"
)

// orderedTree holds entries in order, as a weight-balanced binary tree: the position of an entry follows from the
// counts on the way to it, and the index leads to its node without a search.
//
// Balance is by weight, not by chance, so no sequence of insertions, however chosen, makes it slow.
type orderedTree struct {
	root  *node
	index map[string]*node
}

// node is one entry. It weighs as much as the entries of its subtree and one more, so that an empty subtree weighs 1.
type node struct {
	entry
	left, right, parent *node
	count               int // entries of the subtree
}

// The balance: of two siblings, one weighs at most maxRatio times the other. Where it would weigh more, a rotation
// mends it: a single one if the inner grandchild weighs less than singleRatio times the outer one, else a double one.
// Y. Hirai and K. Yamamoto, "Balancing weight-balanced trees", 2011, prove that these two ratios always suffice.
const (
	maxRatio    = 3
	singleRatio = 2
)

// newOrderedTree makes a tree of entries, in a time proportional to their number. It returns the position of the first
// entry whose key was there before, else -1.
func newOrderedTree(entries []entry) (t *orderedTree, duplicate int) {
	t = &orderedTree{index: make(map[string]*node, len(entries))}
	nodes := make([]node, len(entries))
	for i, e := range entries {
		if t.index[e.key] != nil {
			return nil, i
		}
		nodes[i].entry = e
		t.index[e.key] = &nodes[i]
		if i%pausingEntries == pausingEntries-1 {
			runtime.Gosched() // as in parser.pause
		}
	}
	t.root = link(nil, nodes)
	return t, -1
}

// link makes a tree of nodes that are in order, perfectly balanced.
func link(parent *node, nodes []node) *node {
	if len(nodes) == 0 {
		return nil
	}
	mid := len(nodes) / 2
	n := &nodes[mid]
	n.parent, n.count = parent, len(nodes)
	n.left, n.right = link(n, nodes[:mid]), link(n, nodes[mid+1:])
	return n
}

func (t *orderedTree) len() int { return t.root.len() }

func (n *node) len() int {
	if n == nil {
		return 0
	}
	return n.count
}

func (n *node) weight() int { return n.len() + 1 }

// position counts the entries before the node's own.
func (n *node) position() int {
	at := n.left.len()
	for ; n.parent != nil; n = n.parent {
		if n == n.parent.right {
			at += n.parent.left.len() + 1
		}
	}
	return at
}

// insert takes in a node, which will stand at a position from 0 to len.
func (t *orderedTree) insert(at int, n *node) {
	t.index[n.key] = n
	t.place(at, n)
}

// remove takes out a node. It forgets its entry, because nodes that were made together share their memory.
func (t *orderedTree) remove(n *node) {
	delete(t.index, n.key)
	t.unlink(n)
	*n = node{}
}

// move takes a node to the position where it will then stand.
func (t *orderedTree) move(n *node, to int) {
	t.unlink(n)
	t.place(to, n)
}

// place links a node in as a leaf.
func (t *orderedTree) place(at int, n *node) {
	n.left, n.right, n.parent, n.count = nil, nil, nil, 1
	below := &t.root
	for *below != nil {
		n.parent = *below
		if left := n.parent.left.len(); at <= left {
			below = &n.parent.left
		} else {
			at -= left + 1
			below = &n.parent.right
		}
	}
	*below = n
	t.mend(n.parent)
}

// unlink takes a node out of the tree. Where it has two children, the node that follows it, which has no left child,
// takes its place.
func (t *orderedTree) unlink(n *node) {
	shrunk := n.parent // the lowest node that has lost one
	switch {
	case n.left == nil:
		t.replaceChild(n, n.right)
	case n.right == nil:
		t.replaceChild(n, n.left)
	default:
		next := n.right
		for next.left != nil {
			next = next.left
		}
		if shrunk = next.parent; shrunk == n {
			shrunk = next
		}
		t.replaceChild(next, next.right)
		t.replaceChild(n, next)
		next.left, next.right = n.left, n.right
		next.left.parent = next
		if next.right != nil {
			next.right.parent = next
		}
	}
	t.mend(shrunk)
}

// replaceChild puts a subtree, which may be empty, in the place of another.
func (t *orderedTree) replaceChild(old, by *node) {
	switch p := old.parent; {
	case p == nil:
		t.root = by
	case p.left == old:
		p.left = by
	default:
		p.right = by
	}
	if by != nil {
		by.parent = old.parent
	}
}

// mend restores counts and balance from a node, one of whose subtrees has changed by one entry, up to the root.
func (t *orderedTree) mend(n *node) {
	for ; n != nil; n = n.parent {
		n.recount()
		switch l, r := n.left.weight(), n.right.weight(); {
		case r > maxRatio*l:
			if n.right.left.weight() >= singleRatio*n.right.right.weight() {
				t.rotateRight(n.right)
			}
			n = t.rotateLeft(n)
		case l > maxRatio*r:
			if n.left.right.weight() >= singleRatio*n.left.left.weight() {
				t.rotateLeft(n.left)
			}
			n = t.rotateRight(n)
		}
	}
}

func (n *node) recount() { n.count = n.left.len() + 1 + n.right.len() }

// rotateLeft lifts a node's right child into its place, and returns that child.
func (t *orderedTree) rotateLeft(n *node) *node {
	up := n.right
	t.replaceChild(n, up)
	n.right, up.left = up.left, n
	return settle(n, n.right, up)
}

// rotateRight lifts a node's left child into its place, and returns that child.
func (t *orderedTree) rotateRight(n *node) *node {
	up := n.left
	t.replaceChild(n, up)
	n.left, up.right = up.right, n
	return settle(n, n.left, up)
}

// settle completes a rotation, in which n came below up and the subtree given passed from up to n.
func settle(n, passed, up *node) *node {
	n.parent = up
	if passed != nil {
		passed.parent = n
	}
	n.recount()
	up.recount()
	return up
}

// all yields the entries in order.
func (t *orderedTree) all() iter.Seq[entry] {
	return func(yield func(entry) bool) { t.root.walk(yield) }
}

func (n *node) walk(yield func(entry) bool) bool {
	return n == nil || n.left.walk(yield) && yield(n.entry) && n.right.walk(yield)
}

package tree

import (
	"iter"
	"runtime"
)

// orderedTree keeps entries in order in a weight-balanced binary tree. The counts on the path to an entry give its position,
// and an index by key gives its node.
//
// The balance does not depend on chance, so no sequence of insertions makes it slow.
type orderedTree struct {
	root    *node
	index   map[string]*node
	sharing *sharing // nil: no snapshot has had a part of the tree
}

// node is one entry. Its weight is the number of entries in its subtree plus one, so an empty subtree has weight 1.
type node struct {
	entry
	left, right, parent *node
	count               int // entries of the subtree
}

// Of two siblings, the weight of one is at most maxRatio times that of the other. Otherwise the tree is rotated: once if the
// weight of the inner grandchild is less than singleRatio times that of the outer one, else twice.
// Y. Hirai and K. Yamamoto, "Balancing weight-balanced trees", 2011, prove that these two ratios always suffice.
const (
	maxRatio    = 3
	singleRatio = 2
)

// newOrderedTree returns a tree of entries in linear time, and the position of the first duplicate key, or -1.
func newOrderedTree(entries []entry) (t *orderedTree, duplicate int) {
	t = &orderedTree{index: make(map[string]*node, len(entries))}
	nodes := make([]*node, len(entries))
	for i, e := range entries {
		if t.index[e.key] != nil {
			return nil, i
		}
		nodes[i] = &node{entry: e} // each of its own, so that a node that is replaced or removed is freed
		t.index[e.key] = nodes[i]
		if i%pausingEntries == pausingEntries-1 {
			runtime.Gosched() // as in parser.pause
		}
	}
	t.root = link(nil, nodes)
	return t, -1
}

// link returns a perfectly balanced tree of sorted nodes.
func link(parent *node, nodes []*node) *node {
	if len(nodes) == 0 {
		return nil
	}
	mid := len(nodes) / 2
	n := nodes[mid]
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

// insert inserts an entry at a position from 0 to len.
func (t *orderedTree) insert(at int, e entry) {
	n := &node{entry: e}
	if t.sharing.isActive() {
		t.sharing.nodes[n] = struct{}{}
	}
	t.index[n.key] = n
	t.place(at, n)
}

// replace sets the value of a node.
func (t *orderedTree) replace(n *node, v Value) { t.own(n).value = v }

// remove removes a node.
func (t *orderedTree) remove(n *node) {
	n = t.own(n)
	delete(t.index, n.key)
	t.unlink(n)
}

// move moves a node to its new position.
func (t *orderedTree) move(n *node, to int) {
	n = t.own(n)
	t.unlink(n)
	t.place(to, n)
}

// place inserts a node as a leaf.
func (t *orderedTree) place(at int, n *node) {
	n.left, n.right, n.parent, n.count = nil, nil, nil, 1
	below := &t.root
	for *below != nil {
		n.parent = t.own(*below)
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

// unlink removes an owned node from the tree. A node with two children is replaced by its successor, which has no left child.
func (t *orderedTree) unlink(n *node) {
	shrunk := n.parent // the lowest node with a smaller subtree
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
		next = t.own(next)
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

// replaceChild replaces a subtree by another one, which may be empty.
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

// mend restores counts and balance up to the root, after a subtree of an owned node has changed by one entry.
func (t *orderedTree) mend(n *node) {
	for ; n != nil; n = n.parent {
		n.recount()
		switch l, r := n.left.weight(), n.right.weight(); {
		case r > maxRatio*l:
			if t.own(n.right); n.right.left.weight() >= singleRatio*n.right.right.weight() {
				t.own(n.right.left)
				t.rotateRight(n.right)
			}
			n = t.rotateLeft(n)
		case l > maxRatio*r:
			if t.own(n.left); n.left.right.weight() >= singleRatio*n.left.left.weight() {
				t.own(n.left.right)
				t.rotateLeft(n.left)
			}
			n = t.rotateRight(n)
		}
	}
}

func (n *node) recount() { n.count = n.left.len() + 1 + n.right.len() }

// rotateLeft replaces a node by its right child, and returns that child.
func (t *orderedTree) rotateLeft(n *node) *node {
	up := n.right
	t.replaceChild(n, up)
	n.right, up.left = up.left, n
	return settle(n, n.right, up)
}

// rotateRight replaces a node by its left child, and returns that child.
func (t *orderedTree) rotateRight(n *node) *node {
	up := n.left
	t.replaceChild(n, up)
	n.left, up.right = up.right, n
	return settle(n, n.left, up)
}

// settle completes a rotation that has moved n below up, and a subtree from up to n.
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

package tree

import (
	"sync"
	"sync/atomic"

	"github.com/pathsync/pathsync/core/path"
)

// Snapshot is a version of a document that never changes. Document.Snapshot returns one.
type Snapshot struct {
	root    Value
	size    int
	sharing *sharing
}

// Snapshot returns the present version of the document in constant time. The document must exist, and no dry run may be in
// progress. Until JSON returns, the document copies the parts that it changes, which costs a few microseconds for each change.
// So JSON must be called, once.
func (d *Document) Snapshot() *Snapshot {
	if d.sharing == nil {
		d.sharing = &sharing{}
	}
	d.sharing.begin()
	return &Snapshot{d.root, d.Size(), d.sharing}
}

// JSON returns the canonical encoding of the version. It may run while the document changes, and waits for the encoding of
// other versions of this document, so that at most one is being made.
func (s *Snapshot) JSON() []byte {
	s.sharing.encoding.Lock()
	defer s.sharing.encoding.Unlock()
	defer s.sharing.readers.Add(-1)
	return s.root.appendJSON(make([]byte, 0, s.size))
}

// sharing is what a document has in common with its snapshots. While a snapshot is read, the document changes no container
// and no node that existed when the latest snapshot was taken, except for parent links and indexes by key, which snapshots
// do not use. It replaces them by copies first.
//
// Only the document uses the maps, under the lock that guards it.
type sharing struct {
	encoding sync.Mutex
	readers  atomic.Int32 // snapshots whose encoding is not complete

	// Since the latest snapshot:
	copies map[*ordered]struct{} // containers that were copied; what they contain may be shared
	added  map[*ordered]struct{} // values of operations; what they contain is not shared, except for copies
	nodes  map[*node]struct{}    // nodes that are not shared
}

// begin makes everything that the document has now shared.
func (s *sharing) begin() {
	s.copies, s.added, s.nodes = map[*ordered]struct{}{}, map[*ordered]struct{}{}, map[*node]struct{}{}
	s.readers.Add(1)
}

// isActive reports whether a snapshot is being read. It may become false at any time, and true only by begin.
func (s *sharing) isActive() bool { return s != nil && s.readers.Load() > 0 }

// own replaces the containers at a path by copies if snapshots share them, up to the value at its end. So whatever the
// journal has is never replaced later, and an undo restores it.
func (d *Document) own(p path.Path) {
	s := d.sharing
	if !s.isActive() {
		if s != nil {
			s.copies, s.added, s.nodes = nil, nil, nil
		}
		return
	}
	if d.root == nil {
		return
	}
	shared := true
	d.root = s.own(d.root, &shared)
	for v, i := d.root, 0; i < len(p); i++ {
		in := containerOf(v, p[i].Item)
		if in == nil {
			return
		}
		before := in.get(p[i].Name)
		if before == nil {
			return
		}
		if v = s.own(before, &shared); v != before {
			in.replace(p[i].Name, v)
		}
	}
}

// containerOf returns the members or items of a value, or nil if the value has none of the kind.
func containerOf(v Value, items bool) *ordered {
	switch c := v.(type) {
	case *Object:
		if !items {
			return &c.ordered
		}
	case *Array:
		if items && !c.isPlain() {
			return &c.ordered
		}
	}
	return nil
}

// own returns a value that the document may change: itself, or a copy. shared says whether snapshots may share what is at
// this depth; own updates it for the next depth.
func (s *sharing) own(v Value, shared *bool) Value {
	switch c := v.(type) {
	case *Object:
		if !s.isShared(&c.ordered, shared) {
			return v
		}
		o := &Object{s.copyOf(&c.ordered)}
		s.copies[&o.ordered] = struct{}{}
		return o
	case *Array:
		if !s.isShared(&c.ordered, shared) {
			return v
		}
		a := &Array{s.copyOf(&c.ordered), c.plain, c.flat}
		s.copies[&a.ordered] = struct{}{}
		return a
	}
	return v
}

func (s *sharing) isShared(c *ordered, shared *bool) bool {
	if _, ok := s.copies[c]; ok {
		*shared = true
		return false
	}
	if _, ok := s.added[c]; ok {
		*shared = false
	}
	return *shared
}

// copyOf returns a copy of a container with the same nodes and the same index. Only one of the two may be changed.
func (s *sharing) copyOf(c *ordered) ordered {
	copied := *c
	copied.few = append([]entry(nil), c.few...)
	if c.many != nil {
		copied.many = &orderedTree{root: c.many.root, index: c.many.index, sharing: s}
	}
	return copied
}

// add records that the value of an operation becomes a part of the document.
func (s *sharing) add(v Value) {
	if !s.isActive() {
		return
	}
	var c *ordered
	switch v := v.(type) {
	case *Object:
		c = &v.ordered
	case *Array:
		c = &v.ordered
	default:
		return
	}
	if _, ok := s.copies[c]; !ok { // otherwise the operation has moved it
		s.added[c] = struct{}{}
	}
}

// own returns a node that may be changed: itself, or the copy that has replaced it in the tree.
func (t *orderedTree) own(n *node) *node {
	if n == nil || !t.sharing.isActive() {
		return n
	}
	s := t.sharing
	if _, ok := s.nodes[n]; ok {
		return n
	}
	n.parent = t.own(n.parent)
	c := *n
	t.replaceChild(n, &c)
	t.index[c.key] = &c
	for _, child := range []*node{c.left, c.right} {
		if child != nil {
			child.parent = &c
		}
	}
	s.nodes[&c] = struct{}{}
	return &c
}

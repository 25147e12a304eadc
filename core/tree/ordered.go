package tree

import (
	"iter"
	"slices"
)

// ordered is an ordered map: the members of an object by name, or the items of an array by id. The cost of finding, inserting
// and removing hardly depends on the position and on the number of entries.
//
// Few entries are a slice, which is smallest and fastest. Many entries are a balanced tree whose nodes have counts, with an
// index by key.
type ordered struct {
	few    []entry
	many   *orderedTree // if not nil, it has the entries and few is empty
	size   int          // length of the encoding in bytes; each change updates it
	memory int          // estimated memory in bytes; 0: not computed
}

type entry struct {
	key   string
	value Value
}

// A slice that exceeds maxFew becomes a tree, and a tree that shrinks to minMany becomes a slice. The distance between them
// prevents repeated conversions.
const (
	maxFew  = 32
	minMany = 16
)

// newOrdered returns a container that owns the entries, and the position of the first duplicate key, or -1.
func newOrdered(entries []entry) (s ordered, duplicate int) {
	if len(entries) > maxFew {
		many, duplicate := newOrderedTree(entries)
		return ordered{many: many}, duplicate
	}
	for i := range entries {
		if indexIn(entries[:i], entries[i].key) >= 0 {
			return ordered{}, i
		}
	}
	return ordered{few: entries}, -1
}

func indexIn(entries []entry, key string) int {
	for i := range entries {
		if entries[i].key == key {
			return i
		}
	}
	return -1
}

func (s *ordered) len() int {
	if s.many != nil {
		return s.many.len()
	}
	return len(s.few)
}

// get returns the value of a key, or nil.
func (s *ordered) get(key string) Value {
	if s.many != nil {
		if n := s.many.index[key]; n != nil {
			return n.value
		}
		return nil
	}
	if i := indexIn(s.few, key); i >= 0 {
		return s.few[i].value
	}
	return nil
}

// position returns the position of a key, which must exist.
func (s *ordered) position(key string) int {
	if s.many != nil {
		return s.many.index[key].position()
	}
	return indexIn(s.few, key)
}

// behind returns the position after the first anchor that exists, as it is without the entry of the key, if there is one. If
// the anchor is that entry, it keeps its position. Without an existing anchor it is the end.
func (s *ordered) behind(anchors []string, key string) int {
	own := s.len()
	if s.get(key) != nil {
		own = s.position(key)
	}
	for _, anchor := range anchors {
		switch {
		case anchor == First:
			return 0
		case s.get(anchor) == nil:
		case anchor == key:
			return own
		default:
			at := s.position(anchor)
			if at > own {
				return at
			}
			return at + 1
		}
	}
	return s.len()
}

// replace sets the value of a key, which must exist.
func (s *ordered) replace(key string, v Value) {
	if s.many != nil {
		s.many.replace(s.many.index[key], v)
		return
	}
	s.few[indexIn(s.few, key)].value = v
}

// insert inserts an entry at a position from 0 to len. The key must not exist.
func (s *ordered) insert(at int, key string, v Value) {
	if s.many == nil && len(s.few) < maxFew {
		s.few = slices.Insert(s.few, at, entry{key, v})
		return
	}
	if s.many == nil {
		s.many, _ = newOrderedTree(s.few)
		s.few = nil
	}
	s.many.insert(at, entry{key, v})
}

// remove removes the entry of a key, which must exist.
func (s *ordered) remove(key string) {
	if s.many == nil {
		i := indexIn(s.few, key)
		s.few = slices.Delete(s.few, i, i+1)
		return
	}
	s.many.remove(s.many.index[key])
	if s.many.len() <= minMany {
		s.few, s.many = s.entries(), nil
	}
}

// move moves the entry of a key, which must exist, to its new position.
func (s *ordered) move(key string, to int) {
	if s.many != nil {
		s.many.move(s.many.index[key], to)
		return
	}
	i := indexIn(s.few, key)
	e := s.few[i]
	if i < to {
		copy(s.few[i:], s.few[i+1:to+1])
	} else {
		copy(s.few[to+1:], s.few[to:i])
	}
	s.few[to] = e
}

// entries returns the entries in order. They must not be changed.
func (s *ordered) entries() []entry {
	if s.many != nil {
		return slices.AppendSeq(make([]entry, 0, s.many.len()), s.many.all())
	}
	return s.few
}

// all yields the entries in order. They must not be changed meanwhile.
func (s *ordered) all() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if s.many != nil {
			for e := range s.many.all() {
				if !yield(e.key, e.value) {
					return
				}
			}
			return
		}
		for i := range s.few {
			if !yield(s.few[i].key, s.few[i].value) {
				return
			}
		}
	}
}

package tree

import (
	"iter"
	"slices"
)

// ordered is what an object and an item array have in common: values in an order, each found by its key, which is the
// name of a member or the id of an item. Finding, inserting and removing cost about the same wherever the entry stands
// and however many there are.
//
// A few entries are a slice, which is the least memory and the fastest. Many are a balanced tree, in which every node
// knows how many are below it, with an index by key.
type ordered struct {
	few    []entry
	many   *orderedTree // when not nil, it holds the entries and few is empty
	size   int          // bytes of the container's encoding; updated with each change of the entries
	memory int          // estimate of the bytes that it takes in memory; 0: not known yet
}

type entry struct {
	key   string
	value Value
}

// A slice that grows past maxFew becomes a tree, and a tree that shrinks to minMany a slice again. They are apart so
// that nothing is rebuilt over and over at the border.
const (
	maxFew  = 32
	minMany = 16
)

// newOrdered takes over entries. It returns the position of the first entry whose key was there before, else -1.
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

// get returns the value at a key, and nil when there is none.
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

// position returns where a key stands. The key must be there.
func (s *ordered) position(key string) int {
	if s.many != nil {
		return s.many.index[key].position()
	}
	return indexIn(s.few, key)
}

// behind returns the position directly behind the first of the anchors that is there, as it is once the entry with the
// key given, if any, has been taken out. Behind itself, that entry stays where it is. Without any of them: the end.
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

// replace puts another value at a key, which must be there.
func (s *ordered) replace(key string, v Value) {
	if s.many != nil {
		s.many.index[key].value = v
		return
	}
	s.few[indexIn(s.few, key)].value = v
}

// insert puts an entry at a position from 0 to len. The key must not be there.
func (s *ordered) insert(at int, key string, v Value) {
	if s.many == nil && len(s.few) < maxFew {
		s.few = slices.Insert(s.few, at, entry{key, v})
		return
	}
	if s.many == nil {
		s.many, _ = newOrderedTree(s.few)
		s.few = nil
	}
	s.many.insert(at, &node{entry: entry{key, v}})
}

// remove takes out the entry of a key, which must be there.
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

// move takes an entry, whose key must be there, to the position where it will then stand.
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

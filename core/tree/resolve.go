package tree

import (
	"strings"

	"github.com/pathsync/pathsync/core/path"
)

// slot is the place that a path names: a member, an item, or the document itself.
type slot struct {
	in    *ordered // the container; nil: the slot is the document itself
	key   string   // name or id in the container
	item  bool     // the container is an item array
	value Value    // its value; nil: the member or document does not exist
	// missing is the rest of the path, keys only, if the value has no members because it is absent, null or a scalar. Setting
	// a value at the path then creates objects.
	missing path.Path
}

// trail has the containers from the document to a slot, outermost first. It has room for the longest path and the array of an
// array_add. It is separate from slot so that it can be allocated on the stack.
type trail struct {
	containers [path.MaxSegments + 1]*ordered
	n          int
}

func (t *trail) all() []*ordered { return t.containers[:t.n] }

// resolve returns the slot and the trail of a path, and changes nothing.
func (d *Document) resolve(p path.Path, t *trail) (slot, Reason) {
	s := slot{value: d.root}
	for i, segment := range p {
		switch c := s.value.(type) {
		case *Object:
			if segment.Item {
				return s, TypeMismatch
			}
			s = t.enter(&c.ordered, segment)
		case *Array:
			if !segment.Item || c.isPlain() {
				return s, TypeMismatch
			}
			s = t.enter(&c.ordered, segment)
			if s.value == nil {
				return s, ItemDeleted
			}
		default:
			s.missing = p[i:]
			return s, s.leadsOn()
		}
	}
	return s, Applied
}

// enter returns the slot of a key in a container.
func (t *trail) enter(in *ordered, segment path.Segment) slot {
	t.containers[t.n] = in
	t.n++
	return slot{in: in, key: segment.Name, item: segment.Item, value: in.get(segment.Name)}
}

// leadsOn checks a path that continues at a value without members. Objects can be created there, items cannot.
func (s *slot) leadsOn() Reason {
	if s.missing[0].Item && !s.isVacant() {
		return TypeMismatch // a scalar in place of an array
	}
	for _, segment := range s.missing {
		if segment.Item {
			return ItemDeleted
		}
	}
	return Applied
}

// isVacant reports whether the slot is absent or null.
func (s *slot) isVacant() bool { return s.value == nil || s.value == Null{} }

// put returns the change that sets the value at the path. An item must exist.
func (s *slot) put(v Value) change {
	for i := len(s.missing) - 1; i >= 0; i-- {
		v, _ = newObject([]entry{{strings.Clone(s.missing[i].Name), v}})
	}
	c := change{in: s.in, key: s.key, old: s.value, new: v}
	switch {
	case s.in == nil:
		c.growth = v.Size()
		if s.value != nil {
			c.growth -= s.value.Size()
		}
	case s.value != nil: // it keeps its position
		c.growth = v.Size() - s.value.Size()
	default:
		c.key = strings.Clone(s.key) // the document must not retain the path's memory
		c.to = s.in.len()
		c.growth = memberSize(s.key, v) + comma(s.in.len())
	}
	return c
}

// insert returns the change that inserts an item at a position.
func (s *slot) insert(at int, v Value) change {
	return change{in: s.in, key: s.key, to: at, new: v, growth: v.Size() + comma(s.in.len())}
}

// remove returns the change that removes the member or item.
func (s *slot) remove() change {
	c := change{in: s.in, key: s.key, from: s.in.position(s.key), old: s.value}
	if s.item {
		c.growth = -s.value.Size()
	} else {
		c.growth = -memberSize(s.key, s.value)
	}
	c.growth -= comma(s.in.len() - 1)
	return c
}

// move returns the change that moves the item to a position.
func (s *slot) move(to int) change {
	return change{in: s.in, key: s.key, from: s.in.position(s.key), to: to, old: s.value, new: s.value}
}

package tree

import (
	"strings"

	"github.com/pathsync/pathsync/core/path"
)

// slot is where a path leads in a document: a member, an item, or the document itself.
type slot struct {
	in    *ordered // the container; nil: the slot is the document itself
	key   string   // name or id in the container
	item  bool     // the container is an item array
	value Value    // what stands there; nil: nothing, which only a member and a document can be
	// missing is the rest of the path, keys only, when it leads on through something that has no members: nothing, null
	// or a scalar. What puts a value there makes objects on the way.
	missing path.Path
}

// trail is the containers that lie between a document and a slot, outermost first. It has room for the longest path and
// the array that an array_add goes on into, and is not a part of slot so that it can stay on the stack.
type trail struct {
	containers [path.MaxSegments + 1]*ordered
	n          int
}

func (t *trail) all() []*ordered { return t.containers[:t.n] }

// resolve follows a path, leaves its trail and changes nothing.
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

// enter goes on to a slot in a container.
func (t *trail) enter(in *ordered, segment path.Segment) slot {
	t.containers[t.n] = in
	t.n++
	return slot{in: in, key: segment.Name, item: segment.Item, value: in.get(segment.Name)}
}

// leadsOn decides about a path that leads on where there are no members. Objects can be made there, items cannot.
func (s *slot) leadsOn() Reason {
	if s.missing[0].Item && !s.isVacant() {
		return TypeMismatch // a scalar where an array should be
	}
	for _, segment := range s.missing {
		if segment.Item {
			return ItemDeleted
		}
	}
	return Applied
}

// isVacant reports whether nothing or null stands in the slot.
func (s *slot) isVacant() bool { return s.value == nil || s.value == Null{} }

// put returns the change that makes v the value at the end of the path. An item must be there already.
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
	case s.value != nil: // wherever it stands, it stays there
		c.growth = v.Size() - s.value.Size()
	default:
		c.key = strings.Clone(s.key) // it stays in the document; the path that it is a part of need not
		c.to = s.in.len()
		c.growth = memberSize(s.key, v) + comma(s.in.len())
	}
	return c
}

// insert returns the change that puts a new item in at a position.
func (s *slot) insert(at int, v Value) change {
	return change{in: s.in, key: s.key, to: at, new: v, growth: v.Size() + comma(s.in.len())}
}

// remove returns the change that takes the member or item out.
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

// move returns the change that takes the item to a position.
func (s *slot) move(to int) change {
	return change{in: s.in, key: s.key, from: s.in.position(s.key), to: to, old: s.value, new: s.value}
}

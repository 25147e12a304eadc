package tree

import "github.com/pathsync/pathsync/core/path"

// Apply carries out an operation, or discards it for a reason and changes nothing at all. It never does a part.
//
// The operation must be valid and normal; one that is not is discarded as a TypeMismatch. Its value becomes part of the
// document, and must not be changed or applied to another one. limit is how many bytes the document's encoding may
// take; 0 means that there is no limit, and NoGrowth that the document must not grow. An operation that makes the document
// grow is discarded if that takes it past the limit; any other is not, even where the limit has been lowered meanwhile.
//
// index is where the item then stands, for an array_add or array_move that took effect, and op.Index otherwise. The
// operations that took effect, applied with these indexes and no limit to what the document was before, give the same
// bytes.
func (d *Document) Apply(op Op, limit int) (reason Reason, index int) {
	if op.check() != nil || !op.isNormal() {
		return TypeMismatch, op.Index
	}
	var t trail
	at, reason := d.resolve(op.Path, &t)
	if reason != Applied {
		return reason, op.Index
	}
	c, index, reason := at.decide(op, &t)
	if reason != Applied {
		return reason, op.Index
	}
	if limit != 0 && c.growth > 0 && d.Size()+c.growth > limit {
		return TooLarge, op.Index
	}
	d.make(c, t.all())
	if d.journal != nil {
		d.journal.note(c, t.all())
	}
	return Applied, index
}

// decide works out what an operation does to the slot that its path leads to. An array_add goes on into the array.
func (s *slot) decide(op Op, t *trail) (c change, index int, reason Reason) {
	switch op.Kind {
	case Set:
		return s.put(op.Value), op.Index, Applied
	case Init:
		if s.value != nil {
			return change{}, op.Index, Exists
		}
		return s.put(op.Value), op.Index, Applied
	case Delete:
		if s.value == nil || len(s.missing) > 0 {
			return change{}, op.Index, NotFound
		}
		return s.remove(), op.Index, Applied
	case ArrayAdd:
		return s.add(op.Value.(*Object), op.Index, t)
	case ArrayDelete:
		return s.remove(), op.Index, Applied
	default: // ArrayMove
		to := min(op.Index, s.in.len()-1)
		return s.move(to), to, Applied
	}
}

// add decides an array_add: into the item array that stands in the slot, or into a new one where there is nothing.
func (s *slot) add(item *Object, index int, t *trail) (change, int, Reason) {
	if s.isVacant() || len(s.missing) > 0 {
		return s.put(newArray([]Value{item})), 0, Applied
	}
	array, ok := s.value.(*Array)
	if !ok || array.isPlain() {
		return change{}, index, TypeMismatch
	}
	inside := t.enter(&array.ordered, path.Segment{Name: item.id(), Item: true})
	if inside.value != nil {
		return inside.put(item), array.position(inside.key), Applied
	}
	if index == NoIndex {
		index = array.len()
	}
	index = min(index, array.len())
	return inside.insert(index, item), index, Applied
}

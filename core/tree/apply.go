package tree

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
)

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
	if op.To != nil {
		return d.moveAcross(op, &at, &t, limit)
	}
	c, index, reason := at.decide(op, &t)
	if reason != Applied {
		return reason, op.Index
	}
	if !d.fits(c.growth, limit) {
		return TooLarge, op.Index
	}
	d.carryOut(c, &t)
	return Applied, index
}

// fits reports whether the document may grow by so many bytes. It may always shrink.
func (d *Document) fits(growth, limit int) bool {
	return limit == 0 || growth <= 0 || d.Size()+growth <= limit
}

// carryOut makes a change, and notes it if changes are being noted.
func (d *Document) carryOut(c change, t *trail) {
	d.make(c, t.all())
	if d.journal != nil {
		d.journal.note(c, t.all())
	}
}

// moveAcross carries out an array_move into the array at op.To: out of the one array, into the other, or neither.
func (d *Document) moveAcross(op Op, at *slot, from *trail, limit int) (Reason, int) {
	to := *op.To
	if startsWith(to, op.Path) || startsWith(op.Path[:len(op.Path)-1], append(slices.Clip(to), op.last())) {
		return TypeMismatch, op.Index // into itself, or in the place of an item that it is in
	}
	var into trail
	target, reason := d.resolve(to, &into)
	if reason != Applied {
		return reason, op.Index
	}
	if array, ok := target.value.(*Array); ok && &array.ordered == at.in {
		index := at.position(op)
		d.carryOut(at.move(index), from)
		return Applied, index
	}
	if deeperThan(at.value, MaxValueDepth) { // elsewhere, the document could become deeper than can be read
		return TypeMismatch, op.Index
	}
	in, index, reason := target.add(at.value.(*Object), at.key, op, &into)
	if reason != Applied {
		return reason, op.Index
	}
	out := at.remove()
	if !d.fits(out.growth+in.growth, limit) {
		return TooLarge, op.Index
	}
	d.carryOut(out, from)
	d.carryOut(in, &into)
	d.moves.note(op.Path.String(), to.String())
	return Applied, index
}

func startsWith(p, prefix path.Path) bool {
	return len(p) >= len(prefix) && slices.Equal(p[:len(prefix)], prefix)
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
		item := op.Value.(*Object)
		return s.add(item, item.id(), op, t)
	case ArrayDelete:
		return s.remove(), op.Index, Applied
	default: // ArrayMove
		to := s.position(op)
		return s.move(to), to, Applied
	}
}

// position is where an array_move within the array puts the item in the slot.
func (s *slot) position(op Op) int {
	last := s.in.len() - 1
	if len(op.After) > 0 {
		return min(s.in.behind(op.After, s.key), last)
	}
	if op.Index == NoIndex {
		return last
	}
	return min(op.Index, last)
}

// add decides an array_add, or the second half of an array_move across arrays: into the item array that stands in the
// slot, or into a new one where there is nothing.
func (s *slot) add(item *Object, id string, op Op, t *trail) (change, int, Reason) {
	if s.isVacant() || len(s.missing) > 0 {
		return s.put(newArray([]Value{item})), 0, Applied
	}
	array, ok := s.value.(*Array)
	if !ok || array.isPlain() {
		return change{}, op.Index, TypeMismatch
	}
	inside := t.enter(&array.ordered, path.Segment{Name: id, Item: true})
	if inside.value != nil {
		return inside.put(item), array.position(inside.key), Applied
	}
	index := array.len()
	if len(op.After) > 0 {
		index = array.behind(op.After, id)
	} else if op.Index != NoIndex {
		index = min(op.Index, index)
	}
	return inside.insert(index, item), index, Applied
}

package tree

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
)

// Apply applies an operation, or discards it with a reason and changes nothing. It never applies a part.
//
// The operation must be valid and normalized; otherwise it is discarded as a TypeMismatch. Its value becomes part of the
// document, and must not be changed or applied to another one. limit is the maximum size of the document's encoding in
// bytes; 0 is no limit, and NoGrowth means that the document must not grow. An operation that makes the document grow
// beyond the limit is discarded. Other operations are not, even if the document already exceeds the limit.
//
// index is the resulting position of the item for an array_add or array_move that was applied, and op.Index otherwise.
// Applying the same operations with these indexes and no limit to the earlier document gives the same bytes.
func (d *Document) Apply(op Op, limit int) (reason Reason, index int) {
	if op.check() != nil || !op.isNormal() {
		return TypeMismatch, op.Index
	}
	d.own(op.Path)
	if op.To != nil {
		d.own(*op.To)
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

// fits reports whether the document may grow by a number of bytes. It may always shrink.
func (d *Document) fits(growth, limit int) bool {
	return limit == 0 || growth <= 0 || d.Size()+growth <= limit
}

// carryOut makes a change, and adds it to the journal if there is one.
func (d *Document) carryOut(c change, t *trail) {
	d.sharing.add(c.new)
	d.make(c, t.all())
	if d.journal != nil {
		d.journal.note(c, t.all())
	}
}

// moveAcross applies an array_move to another array, op.To: it removes the item from one array and inserts it into the other,
// or changes nothing.
func (d *Document) moveAcross(op Op, at *slot, from *trail, limit int) (Reason, int) {
	to := *op.To
	if startsWith(to, op.Path) || startsWith(op.Path[:len(op.Path)-1], append(slices.Clip(to), op.last())) {
		return TypeMismatch, op.Index // into itself, or in place of an item that contains it
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
	if deeperThan(at.value, MaxValueDepth) { // the document could become deeper than the parser's limit
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

// decide returns the change that an operation makes at its path. For an array_add the path names the array.
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

// position returns the new position of an item for an array_move within its array.
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

// add returns the change of an array_add, or of the second half of an array_move to another array. It inserts into the item
// array in the slot, or into a new array if the slot is vacant.
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

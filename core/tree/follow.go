package tree

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
)

// moves lists the items that an array_move has moved to another array of the document, the latest last. It is not part of the
// document's state: a loaded document has no moves, and old moves are evicted. It serves only to rewrite operations before
// they are decided and logged.
type moves struct {
	list  []move
	bytes int // memory of the list
}

// move records that the item at a path was moved to an array. Both are canonical paths at the time of the move.
type move struct{ item, array string }

// maxMovesBytes limits the moves that one document remembers.
const maxMovesBytes = 64 << 10

func (m move) bytes() int { return len(m.item) + len(m.array) + 32 }

// note returns moves with another move. It does not change the receiver.
func (m *moves) note(item, array string) {
	added := move{item, array}
	m.list = append(m.list, added)
	m.bytes += added.bytes()
	for m.bytes > maxMovesBytes {
		m.bytes -= m.list[0].bytes()
		m.list = m.list[1:]
	}
}

// last returns the index of the last move of an item at or after an index, or -1.
func (m *moves) last(item string, since int) int {
	for i := len(m.list) - 1; i >= since; i-- {
		if m.list[i].item == item {
			return i
		}
	}
	return -1
}

// Follow rewrites the paths of an operation for items that were moved to other arrays, and reports whether the paths have
// changed. If an item cannot be found, Follow returns the operation unchanged, and Apply discards it. The operation must be
// valid.
//
// The document remembers only its latest moves, and none from before it was loaded. So the result of Follow does not follow
// from the log and must be logged.
func (d *Document) Follow(op Op) (Op, bool) {
	if len(d.moves.list) == 0 {
		return op, false
	}
	p, followed := d.follow(op.Path)
	op.Path = p
	if op.To != nil {
		to, also := d.follow(*op.To)
		if also {
			op.To = &to
		}
		followed = followed || also
	}
	return op, followed
}

// follow rewrites a path until all its items exist. For a missing item it replaces the longest prefix of the path that was
// moved, among the prefixes that end with this item or a later one. Each step uses a later move than the one before, so follow ends.
func (d *Document) follow(p path.Path) (path.Path, bool) {
	at, since := p, 0
	for {
		missing := d.missing(at)
		if missing < 0 {
			return at, since > 0
		}
		i, found := len(at)-1, -1
		for ; i >= missing && found < 0; i-- {
			if at[i].Item {
				found = d.moves.last(at[:i+1].String(), since)
			}
		}
		if found < 0 {
			return p, false
		}
		array, err := path.Parse(d.moves.list[found].array)
		if err != nil {
			return p, false // it was formatted by String
		}
		at = slices.Concat(array, at[i+1:])
		if _, err := path.Parse(at.String()); err != nil {
			return p, false // exceeds the limit of the log
		}
		since = found + 1
	}
}

// missing returns the index of the first segment that names a missing item, or -1.
func (d *Document) missing(p path.Path) int {
	v := d.root
	for i, segment := range p {
		switch c := v.(type) {
		case *Object:
			if segment.Item {
				return -1
			}
			v = c.get(segment.Name)
		case *Array:
			if !segment.Item || c.isPlain() {
				return -1
			}
			if v = c.get(segment.Name); v == nil {
				return i
			}
		default:
			switch {
			case !segment.Item:
				v = nil
			case v == nil || v == Value(Null{}):
				return i
			default:
				return -1
			}
		}
	}
	return -1
}

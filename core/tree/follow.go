package tree

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
)

// moves is which items an array_move has taken to another array of the document, the latest last. It is no part of the
// document's state: a document that is loaded begins without it, and the oldest are forgotten. It only serves to
// rewrite operations before they are decided and logged.
type moves struct {
	list  []move
	bytes int // that the list weighs
}

// move says that the item at a path was taken to an array. Both are canonical texts of the paths as they then were.
type move struct{ item, array string }

// maxMovesBytes bounds what one document remembers of moves.
const maxMovesBytes = 64 << 10

func (m move) bytes() int { return len(m.item) + len(m.array) + 32 }

// note adds a move. Earlier values of moves stay as they were.
func (m *moves) note(item, array string) {
	added := move{item, array}
	m.list = append(m.list, added)
	m.bytes += added.bytes()
	for m.bytes > maxMovesBytes {
		m.bytes -= m.list[0].bytes()
		m.list = m.list[1:]
	}
}

// last returns the position of the last move of an item at or behind a position, else -1.
func (m *moves) last(item string, since int) int {
	for i := len(m.list) - 1; i >= since; i-- {
		if m.list[i].item == item {
			return i
		}
	}
	return -1
}

// Follow returns an operation whose paths lead to where the items on them have been moved since, by an array_move to
// another array, and whether they differ from those given. An operation that cannot be followed is returned as it is:
// Apply discards it. The operation must be valid.
//
// The document remembers its latest moves only, and none from before it was loaded. So what Follow returns is not a
// function of the log, and has to be logged.
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

// follow rewrites a path until all items on it are there. Where an item is missing, the longest part of the path that
// ends with that item or a later one, and that something was moved from, gives way to where that has gone. Each step
// is a later move than the one before, so that there is an end.
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
			return p, false // it was written by String
		}
		at = slices.Concat(array, at[i+1:])
		if _, err := path.Parse(at.String()); err != nil {
			return p, false // too long for a log
		}
		since = found + 1
	}
}

// missing returns the position of the first segment of a path that names an item which is not there, else -1.
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

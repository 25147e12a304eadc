package tree

// change is the one thing that an operation that takes effect does to a document: one entry of one container, or the
// document itself, is put in, taken out, replaced or moved. Parents that are made on the way are part of the value put
// in. So an operation happens whole or not at all, and undoing it is one change too.
type change struct {
	in       *ordered // the container; nil: the document itself
	key      string
	from, to int   // where the entry stands before and after; the same when it is replaced
	old, new Value // what it is before and after; nil: not there
	growth   int   // of the encoding, in bytes
}

func (c change) inverse() change {
	c.from, c.to = c.to, c.from
	c.old, c.new = c.new, c.old
	c.growth = -c.growth
	return c
}

// make carries out a change. trail are the containers from the document down to the one that is changed.
func (d *Document) make(c change, trail []*ordered) {
	wasMany := c.in != nil && c.in.many != nil
	switch {
	case c.in == nil:
		d.root = c.new
	case c.old == nil:
		c.in.insert(c.to, c.key, c.new)
	case c.new == nil:
		c.in.remove(c.key)
	case c.from != c.to:
		c.in.move(c.key, c.to)
	default:
		c.in.replace(c.key, c.new)
	}
	if len(trail) == 0 {
		return
	}
	growth := c.in.remeasure(c, wasMany) // the last of the trail
	for i, container := range trail {
		container.size += c.growth
		if container.memory != 0 && i < len(trail)-1 {
			container.memory += growth
		}
	}
}

// journal is what has been done to a document, in order.
type journal struct {
	moves   moves // before it
	entries []journalEntry
	trails  []*ordered // of all entries, one after the other
}

type journalEntry struct {
	change
	depth int // length of its trail
}

func (j *journal) note(c change, trail []*ordered) {
	j.entries = append(j.entries, journalEntry{c, len(trail)})
	j.trails = append(j.trails, trail...)
}

// undo takes back all that the journal has, last first.
func (j *journal) undo(d *Document) {
	for i, end := len(j.entries)-1, len(j.trails); i >= 0; i-- {
		e := j.entries[i]
		start := end - e.depth
		d.make(e.inverse(), j.trails[start:end])
		end = start
	}
}

package tree

// change is the effect of an applied operation: it inserts, removes, replaces or moves one entry of one container, or the
// document itself. Missing parents are part of the inserted value. So an operation is atomic, and its undo is one change, too.
type change struct {
	in       *ordered // the container; nil: the document itself
	key      string
	from, to int   // position of the entry before and after; equal for a replacement
	old, new Value // its value before and after; nil: absent
	growth   int   // of the encoding, in bytes
}

func (c change) inverse() change {
	c.from, c.to = c.to, c.from
	c.old, c.new = c.new, c.old
	c.growth = -c.growth
	return c
}

// make makes a change. trail has the containers from the document down to the changed one.
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

// journal records the changes of a document since Begin, in order.
type journal struct {
	moves   moves // before it
	entries []journalEntry
	trails  []*ordered // trails of all entries, concatenated
}

type journalEntry struct {
	change
	depth int // length of its trail
}

func (j *journal) note(c change, trail []*ordered) {
	j.entries = append(j.entries, journalEntry{c, len(trail)})
	j.trails = append(j.trails, trail...)
}

// undo reverts the changes of the journal, in reverse order.
func (j *journal) undo(d *Document) {
	for i, end := len(j.entries)-1, len(j.trails); i >= 0; i-- {
		e := j.entries[i]
		start := end - e.depth
		d.make(e.inverse(), j.trails[start:end])
		end = start
	}
}

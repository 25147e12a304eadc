package tree

// What values take in memory, in bytes: measured, see TestMemoryEstimateIsCloseToAllocation.
const (
	textMemory      = 24 // of a scalar besides its text
	containerMemory = 96
	fewMemory       = 48  // of an entry in a slice, besides key and value
	manyMemory      = 128 // of an entry in a tree with its index
	elementMemory   = 16  // of an element of a plain array
)

// Memory is about how many bytes of memory a value takes. What it finds out is kept in the containers, and kept up to date
// by the document that they become part of: so it takes time in proportion to the value once, and then none. The ids of
// an operation's value must be filled in before.
func Memory(v Value) int {
	switch v := v.(type) {
	case Number:
		return textMemory + len(v)
	case String:
		return textMemory + len(v)
	case *Object:
		return v.measured()
	case *Array:
		if v.memory == 0 && v.isPlain() {
			v.memory = containerMemory + len(v.flat)
			for _, e := range v.plain {
				v.memory += elementMemory + Memory(e)
			}
		}
		return v.measured()
	}
	return 0
}

// Memory is about how many bytes of memory the document takes, with the moves of items that it remembers.
func (d *Document) Memory() int { return Memory(d.root) + d.moves.bytes }

// measured returns what a container of entries takes.
func (s *ordered) measured() int {
	if s.memory == 0 {
		s.memory = s.measure()
	}
	return s.memory
}

func (s *ordered) measure() int {
	n := containerMemory
	for key, v := range s.all() {
		n += s.entryMemory(key, v)
	}
	return n
}

// entryMemory is what one entry takes, and nothing when there is none.
func (s *ordered) entryMemory(key string, v Value) int {
	switch {
	case v == nil:
		return 0
	case s.many != nil:
		return manyMemory + len(key) + Memory(v)
	default:
		return fewMemory + len(key) + Memory(v)
	}
}

// remeasure brings what a container takes up to date after a change, and returns the difference. wasMany is whether the
// entries were a tree before.
func (s *ordered) remeasure(c change, wasMany bool) (growth int) {
	before := s.memory
	if before == 0 {
		return 0 // not measured yet
	}
	if wasMany != (s.many != nil) {
		s.memory = s.measure() // of few entries
	} else {
		s.memory += s.entryMemory(c.key, c.new) - s.entryMemory(c.key, c.old)
	}
	return s.memory - before
}

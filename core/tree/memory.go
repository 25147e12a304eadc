package tree

// Memory of values in bytes, measured by TestMemoryEstimateIsCloseToAllocation.
const (
	textMemory      = 24 // a scalar besides its text
	containerMemory = 96
	fewMemory       = 48  // an entry in a slice, besides key and value
	manyMemory      = 128 // an entry in a tree with its index
	elementMemory   = 16  // an element of a plain array
)

// Memory estimates the memory of a value in bytes. The first call takes linear time and stores the results in the containers.
// Changes of the document update them, so later calls take constant time. The ids of an operation's value must be assigned
// before.
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

// Memory estimates the memory of the document in bytes, with the moves that it remembers.
func (d *Document) Memory() int { return Memory(d.root) + d.moves.bytes }

// measured returns the memory of a container.
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

// entryMemory returns the memory of one entry, and 0 for an absent value.
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

// remeasure updates the memory of a container after a change, and returns the difference. wasMany says whether the entries
// were a tree before.
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

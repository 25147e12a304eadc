package sse

// Frames returns the frames from a position on, in pieces of whole frames, and where they end: a prelude for a stream
// that is then started at that end. ok is false when the position is not in the feed any more, or never was.
//
// The pieces are the feed's own memory: they do not change, must not be changed, and should not be kept for long.
func (f *Feed) Frames(from Position) (pieces [][]byte, end Position, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.at(from)
	if !ok {
		return nil, 0, false
	}
	for c != nil {
		if run := c.after(from); len(run) > 0 {
			pieces = append(pieces, run)
			from += Position(len(run))
		}
		c = c.next.Load()
	}
	return pieces, f.end, true
}

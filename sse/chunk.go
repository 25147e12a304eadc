package sse

import "sync/atomic"

// chunk is one piece of a feed's memory. Bytes are only ever added to it, under the feed's lock, and those below
// published never change, so any number of streams read and send them without a lock.
type chunk struct {
	start     Position // of its first byte
	floor     int64    // the feed's last seq before it
	buf       []byte   // allotted whole
	published atomic.Int64

	// next is nil while the chunk is the feed's newest, then its successor: from there on it grows no more. When the
	// feed drops the chunk, next is the chunk itself. A reader that is stuck in it then holds on to this one piece of
	// memory, and not to everything that came after it.
	next atomic.Pointer[chunk]

	events []mark // guarded by the feed's lock
}

// mark is where a resumable event stands in its chunk.
type mark struct {
	seq        int64
	start, end uint32
}

// markBytes is what a mark takes in memory, spare room included.
const markBytes = 24

func (c *chunk) fits(frame []byte) bool { return len(c.buf)-int(c.published.Load()) >= len(frame) }

func (c *chunk) add(seq int64, frame []byte) {
	start := c.published.Load()
	end := start + int64(copy(c.buf[start:], frame))
	if seq > 0 {
		c.events = append(c.events, mark{seq: seq, start: uint32(start), end: uint32(end)})
	}
	c.published.Store(end) // last: the bytes below are complete
}

// after returns what has been published of it after a position; appending to that does not touch the chunk.
func (c *chunk) after(pos Position) []byte {
	end := c.published.Load()
	return c.buf[pos-c.start : end : end]
}

func (c *chunk) seal(next *chunk) { c.next.Store(next) }

func (c *chunk) drop() { c.next.Store(c) }

// cursor is a place in a feed from which one goroutine reads on.
type cursor struct {
	feed  *Feed
	chunk *chunk
	pos   Position
}

// pending returns the next bytes, whole frames, as far as they lie in one piece; none when the feed has no more. The
// error is ErrLagged.
func (c *cursor) pending() ([]byte, error) {
	for {
		next := c.chunk.next.Load() // before published: with a successor, that is final
		if run := c.chunk.after(c.pos); len(run) > 0 {
			return run, nil
		}
		switch next {
		case nil:
			return nil, nil
		case c.chunk:
			// Dropped, but read to its end: what follows may still be there.
			var ok bool
			if c.chunk, ok = c.feed.locate(c.pos); !ok {
				return nil, ErrLagged
			}
		default:
			c.chunk = next
		}
	}
}

func (c *cursor) advance(n int) { c.pos += Position(n) }

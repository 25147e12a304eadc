package sse

import (
	"math"
	"sort"
	"sync/atomic"
)

// segment is one piece of a feed's memory. Bytes are appended under the feed's lock. Bytes below published never change, so
// streams read and send them without a lock.
type segment struct {
	start     Position // of its first byte
	floor     int64    // last seq of the feed before this segment
	buf       []byte   // has its final size from the start
	published atomic.Int64

	// next is nil in the newest segment of the feed. Otherwise the segment does not grow, and next is its successor, or the
	// segment itself once the feed has dropped it. A reader that is stuck in a dropped segment therefore keeps only this
	// one in memory, and not all that follow.
	next atomic.Pointer[segment]

	// The feed's lock guards these.
	events  []indexEntry
	changes []span // of AppendChange; neighbours are joined
}

// span is a range of bytes in a segment.
type span struct{ start, end uint32 }

// indexEntry is the place of a resumable event in its segment.
type indexEntry struct {
	seq        int64
	start, end uint32
}

// indexEntryBytes is the memory of an indexEntry, or of a span, including spare capacity.
const indexEntryBytes = 24

func (s *segment) indexBytes() int { return (len(s.events) + len(s.changes)) * indexEntryBytes }

func (s *segment) fits(n int) bool { return len(s.buf)-int(s.published.Load()) >= n }

func (s *segment) appendLocked(seq int64, frame []byte) {
	start := s.published.Load()
	end := start + int64(copy(s.buf[start:], frame))
	if seq > 0 {
		s.events = append(s.events, indexEntry{seq: seq, start: uint32(start), end: uint32(end)})
	}
	s.published.Store(end) // last: the bytes below are complete
}

// appendChangeLocked appends a frame of AppendChange.
func (s *segment) appendChangeLocked(frame []byte) {
	start := uint32(s.published.Load())
	end := start + uint32(len(frame))
	if n := len(s.changes) - 1; n >= 0 && s.changes[n].end == start {
		s.changes[n].end = end
	} else {
		s.changes = append(s.changes, span{start, end})
	}
	s.appendLocked(0, frame)
}

// nextChangeLocked returns the first span of changes that ends after a position. If there is none, both results are the
// highest position.
func (s *segment) nextChangeLocked(pos Position) (from, to Position) {
	i := sort.Search(len(s.changes), func(i int) bool { return s.start+Position(s.changes[i].end) > pos })
	if i == len(s.changes) {
		return math.MaxUint64, math.MaxUint64
	}
	return s.start + Position(s.changes[i].start), s.start + Position(s.changes[i].end)
}

// after returns the published bytes from a position on. Appending to the result copies it.
func (s *segment) after(pos Position) []byte {
	end := s.published.Load()
	return s.buf[pos-s.start : end : end]
}

// seal sets the successor.
func (s *segment) seal(next *segment) { s.next.Store(next) }

// drop marks the segment as no longer in the feed.
func (s *segment) drop() { s.next.Store(s) }

// cursor is the position of one goroutine in a feed.
type cursor struct {
	feed    *Feed
	segment *segment
	pos     Position
}

// pending returns the next bytes, whole frames of one segment, or nothing at the end of the feed. The error is ErrLagged.
func (c *cursor) pending() ([]byte, error) {
	for {
		next := c.segment.next.Load() // before published: a segment with a successor does not grow
		if run := c.segment.after(c.pos); len(run) > 0 {
			return run, nil
		}
		switch next {
		case nil:
			return nil, nil
		case c.segment:
			// The feed has dropped the segment after the cursor reached its end. It may still have what follows.
			s, ok := c.feed.segmentAt(c.pos)
			if !ok {
				return nil, ErrLagged // also in further calls: a worker and the stream's goroutine may both call
			}
			c.segment = s
		default:
			c.segment = next
		}
	}
}

func (c *cursor) advance(n int) { c.pos += Position(n) }

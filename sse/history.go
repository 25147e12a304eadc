package sse

import (
	"iter"
	"sort"
)

// After returns the position right behind the event with that seq. Of seqs that were left out, it is the position
// behind the event before. ok is false when not everything after it is in the feed any more, or when seq is ahead of
// the feed.
func (f *Feed) After(seq int64) (pos Position, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chunk, event, ok := f.find(seq)
	if !ok {
		return 0, false
	}
	c := f.chunks[chunk]
	if event == 0 {
		return c.start, true
	}
	return c.start + Position(c.events[event-1].end), true
}

// Run returns whole frames from the event after a seq on, up to an event that is not behind the one with the seq through, as
// far as they lie in one piece of memory; and the seq of the last event among them. There are none when the feed has no
// such event. ok is as of After.
//
// The frames are the feed's own memory: they do not change, must not be changed, and should not be kept for long.
func (f *Feed) Run(after, through int64) (frames []byte, last int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chunk, event, ok := f.find(after)
	if !ok {
		return nil, after, false
	}
	for _, c := range f.chunks[chunk:] {
		events := c.events[event:]
		event = 0
		if len(events) == 0 {
			continue
		}
		n := sort.Search(len(events), func(i int) bool { return events[i].seq > through })
		if n == 0 {
			break
		}
		end := events[n-1].end
		return c.buf[events[0].start:end:end], events[n-1].seq, true
	}
	return nil, after, true
}

// Payloads yields the data of the events among some whole frames that have an id.
func Payloads(frames []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(frames) > 0 {
			frame := firstFrame(frames)
			frames = frames[len(frame):]
			if id, _ := cutID(frame); id != nil && !yield(eventData(frame)) {
				return
			}
		}
	}
}

// find returns where the events after a seq begin: a chunk, and an index into its events. That may be the end of the
// chunk. It needs the lock.
func (f *Feed) find(seq int64) (chunk, event int, ok bool) {
	if seq < f.chunks[0].floor || seq > f.lastSeq {
		return 0, 0, false
	}
	// The last chunk with a lower floor has the event itself; when there is none, it was dropped just before the first.
	chunk = sort.Search(len(f.chunks), func(i int) bool { return f.chunks[i].floor >= seq })
	chunk = max(chunk-1, 0)
	events := f.chunks[chunk].events
	event = sort.Search(len(events), func(i int) bool { return events[i].seq > seq })
	return chunk, event, true
}

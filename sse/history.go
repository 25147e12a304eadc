package sse

import "sort"

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

// Payloads returns the data of the resumable events after a seq, in order, and the seq of the last of them (the one
// it was given when there are none). It stops at maxCount events, and before it exceeds maxBytes of data, but not
// before the first event. ok is as of After.
//
// The payloads are the feed's own memory: they do not change, must not be changed, and should not be kept for long.
func (f *Feed) Payloads(after int64, maxCount, maxBytes int) (payloads [][]byte, last int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chunk, event, ok := f.find(after)
	if !ok {
		return nil, after, false
	}
	last = after
	for _, c := range f.chunks[chunk:] {
		for _, m := range c.events[event:] {
			data := eventData(c.buf[m.start:m.end])
			if len(payloads) >= maxCount || len(payloads) > 0 && len(data) > maxBytes {
				return payloads, last, true
			}
			payloads, last = append(payloads, data), m.seq
			maxBytes -= len(data)
		}
		event = 0
	}
	return payloads, last, true
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

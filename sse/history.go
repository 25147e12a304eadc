package sse

import "sort"

// After returns the position after the event with a seq. If the feed has skipped the seq, it is the position after the event
// before. ok is false if the feed has dropped an event after the seq, or has not reached the seq.
func (f *Feed) After(seq int64) (pos Position, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, event, ok := f.findLocked(seq)
	if !ok {
		return 0, false
	}
	s := f.segments[i]
	if event == 0 {
		return s.start, true
	}
	return s.start + Position(s.events[event-1].end), true
}

// Run returns resumable events that begin with the first one after a seq and end with one not above through, and the seq of
// the last one. Run returns the events of one segment up to another frame; the next call continues. It returns none if the
// feed has no such event. ok is that of After.
//
// The frames are the feed's memory: they do not change and must not be changed. A caller should not keep them for long.
func (f *Feed) Run(after, through int64) (frames []byte, last int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, event, ok := f.findLocked(after)
	if !ok {
		return nil, after, false
	}
	for _, s := range f.segments[i:] {
		events := s.events[event:]
		event = 0
		if len(events) == 0 {
			continue
		}
		n := 0
		for n < len(events) && events[n].seq <= through && (n == 0 || events[n].start == events[n-1].end) {
			n++
		}
		if n == 0 {
			break
		}
		end := events[n-1].end
		return s.buf[events[0].start:end:end], events[n-1].seq, true
	}
	return nil, after, true
}

// findLocked returns where the events after a seq begin: the index of a segment, and an index into its events, which may be
// their number.
func (f *Feed) findLocked(seq int64) (i, event int, ok bool) {
	if seq < f.segments[0].floor || seq > f.lastSeq {
		return 0, 0, false
	}
	// The last segment with a lower floor has the event. If there is none, the event was the last one before the first
	// segment.
	i = sort.Search(len(f.segments), func(i int) bool { return f.segments[i].floor >= seq })
	i = max(i-1, 0)
	events := f.segments[i].events
	event = sort.Search(len(events), func(i int) bool { return events[i].seq > seq })
	return i, event, true
}

package sse

import "time"

// ask has one stream, another each time, tell how long it takes to send what everybody is about to be roused for. A
// stream that has not answered the last question keeps it: then that one was for older events. It needs the lock.
func (f *Feed) ask() {
	since := f.unsent
	f.unsent = time.Time{}
	if since.IsZero() || len(f.streams) == 0 {
		return
	}
	f.turn++
	if p := f.streams[f.turn%len(f.streams)]; !p.asked.Load() {
		p.since = since
		p.asked.Store(true)
	}
}

// tell answers what the feed has asked, when nothing is pending any more.
func (p *subscription) tell() {
	f := p.cursor.feed
	f.mu.Lock()
	took := time.Since(p.since)
	p.asked.Store(false)
	f.mu.Unlock()
	if r := p.stream.group.Recorder; r != nil {
		r.Delivered(took)
	}
}

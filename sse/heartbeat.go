package sse

import "time"

// heartbeat keeps proxies from closing a silent connection, and shows readers and us that it still works. It is a
// frame of the feed like any other: one timer and one comment serve all streams. A stream sends something of its own
// when it starts, so the silence of the feed is all that has to be watched.
var heartbeat = AppendComment(nil, "")

// startPulse starts watching the silence. It needs the lock.
func (f *Feed) startPulse() {
	if f.pulse == nil {
		f.pulse = time.AfterFunc(f.heartbeat, f.beat)
		return
	}
	f.pulse.Reset(f.heartbeat)
}

// stopPulse needs the lock.
func (f *Feed) stopPulse() {
	if f.pulse != nil {
		f.pulse.Stop()
	}
}

// beat appends a heartbeat when the silence has lasted, and comes back when it next could have. Events do not touch
// the timer: they only note the time.
func (f *Feed) beat() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.streams) == 0 {
		return
	}
	silence := time.Since(f.silentSince)
	if silence >= f.heartbeat {
		f.append(0, heartbeat)
		f.wake()
		silence = 0
	}
	f.pulse.Reset(f.heartbeat - silence)
}

package sse

import "time"

// heartbeat is a comment that keeps proxies from closing an idle connection and lets both ends notice a broken one. It is an
// ordinary frame of the feed: one timer and one comment serve all streams. A stream sends something when it starts, so the
// time since the feed's last frame is all that counts.
var heartbeat = AppendComment(nil, "")

func (f *Feed) startHeartbeatLocked() {
	if f.heartbeatTimer == nil {
		f.heartbeatTimer = time.AfterFunc(f.heartbeat, f.heartbeatDue)
		return
	}
	f.heartbeatTimer.Reset(f.heartbeat)
}

func (f *Feed) stopHeartbeatLocked() {
	if f.heartbeatTimer != nil {
		f.heartbeatTimer.Stop()
	}
}

// heartbeatDue drops frames that no reader needs and appends a heartbeat, if there was no frame for long enough, and sets the timer for the next one. Events do not
// reset the timer; they only record their time.
func (f *Feed) heartbeatDue() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.subscriptions) == 0 {
		return
	}
	idle := time.Since(f.lastAppend)
	if idle >= f.heartbeat {
		f.dropSentLocked()
		f.appendLocked(0, heartbeat)
		f.wakeLocked()
		idle = 0
	}
	f.heartbeatTimer.Reset(f.heartbeat - idle)
}

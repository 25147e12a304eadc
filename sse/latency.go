package sse

import "time"

// sampleLatencyLocked chooses the stream that measures how long the delivery of the pending events takes, another one at
// each wake-up. A stream that has not finished its last measurement continues it: that one began with older events.
func (f *Feed) sampleLatencyLocked() {
	since := f.pendingSince
	f.pendingSince = time.Time{}
	if since.IsZero() || len(f.subscriptions) == 0 {
		return
	}
	f.samples++
	if sub := f.subscriptions[f.samples%len(f.subscriptions)]; !sub.measuring.Load() {
		sub.since = since
		sub.measuring.Store(true)
	}
}

// recordLatency ends a measurement, if one is running. The stream calls it when nothing is pending.
func (sub *subscription) recordLatency() {
	if !sub.measuring.Load() {
		return
	}
	f := sub.cursor.feed
	f.mu.Lock()
	took := time.Since(sub.since)
	if sub.wrote > 0 {
		f.measureWriteLocked(sub.wrote)
		sub.wrote = 0
	}
	sub.measuring.Store(false)
	f.mu.Unlock()
	if m := sub.stream.group.Metrics; m != nil {
		m.Delivered(took)
	}
}

// startWrite begins the measurement of a write. It returns zero if the stream does not measure.
func (sub *subscription) startWrite() (began time.Time) {
	if sub.measuring.Load() {
		began = time.Now()
	}
	return began
}

// endWrite ends the measurement of a write that sent everything.
func (sub *subscription) endWrite(began time.Time) {
	if began.IsZero() {
		return
	}
	if took := time.Since(began); took < blockedWrite {
		sub.wrote = took
	}
}

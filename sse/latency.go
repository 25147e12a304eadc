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
	if sub := f.subscriptions[f.samples%len(f.subscriptions)]; sub.measurement.Load() == nil {
		m := f.spare
		if f.spare = nil; m == nil {
			m = new(measurement)
		}
		*m = measurement{since: since}
		sub.measurement.Store(m)
	}
}

// recordLatency ends a measurement, if one is running. The stream calls it when nothing is pending.
func (sub *subscription) recordLatency() {
	m := sub.measurement.Swap(nil)
	if m == nil {
		return
	}
	took := time.Since(m.since)
	f := sub.cursor.feed
	f.mu.Lock()
	if m.wrote > 0 {
		f.measureWriteLocked(m.wrote)
	}
	f.spare = m
	f.mu.Unlock()
	if metrics := sub.stream.group.Metrics; metrics != nil {
		metrics.Delivered(took)
	}
}

// startWrite begins the measurement of a write. It returns zero if the stream does not measure.
func (sub *subscription) startWrite() (began time.Time) {
	if sub.measurement.Load() != nil {
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
		sub.measurement.Load().wrote = took
	}
}

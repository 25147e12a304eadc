package sse

import (
	"context"
	"time"
)

// Wake wakes the streams and the calls of Wait, to send and to return what has been appended. It costs about 20 ns for each
// idle stream, and 100 ns for each stream that waits in its handler.
//
// When serving the streams takes a large share of a processor, a wake-up is delayed, for FeedConfig.MaxDelay at most. Frames
// appended meanwhile are sent together at the delayed wake-up, with one write for each stream.
func (f *Feed) Wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wakePending || f.closed {
		return
	}
	wait := min(time.Until(f.wakePaid.Add(-f.wakeIntervalLocked())), f.maxDelay)
	if wait <= 0 {
		f.wakeLocked()
		return
	}
	f.wakePending = true
	if f.delayedWake == nil {
		f.delayedWake = time.AfterFunc(wait, f.wakeDelayed)
	} else {
		f.delayedWake.Reset(wait)
	}
}

func (f *Feed) wakeDelayed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakePending = false
	f.wakeLocked()
}

func (f *Feed) wakeLocked() {
	if now := time.Now(); now.After(f.wakePaid) {
		f.wakePaid = now
	}
	f.wakePaid = f.wakePaid.Add(f.wakeIntervalLocked())
	f.sampleLatencyLocked()
	for _, sub := range f.subscriptions {
		sub.stream.wake()
	}
	if f.appended != nil {
		close(f.appended)
		f.appended = nil
	}
}

const (
	// wakeShare limits the share of a processor that serving a feed takes before wake-ups are delayed: 1/wakeShare.
	wakeShare = 6
	// shortestInterval is the interval below which wake-ups are not delayed: fewer writes would not pay for the timer.
	shortestInterval = time.Millisecond
	// firstWriteCost is the assumed cost of a write before the first measurement, and blockedWrite the duration from which a
	// write has waited for its reader, which is not a cost.
	firstWriteCost = 5 * time.Microsecond
	blockedWrite   = 100 * time.Microsecond
)

// wakeIntervalLocked returns the average time between two wake-ups, at least. Two wake-ups may follow each other without a
// delay after a quiet time, so only a feed that is busy for longer delays frames.
func (f *Feed) wakeIntervalLocked() time.Duration {
	interval := time.Duration(len(f.subscriptions)) * f.writeCost * wakeShare
	if interval < shortestInterval {
		return 0
	}
	return min(interval, f.maxDelay)
}

// measureWriteLocked includes a write in the average cost. A single write counts for twice the average at most, because the
// system may have interrupted it.
func (f *Feed) measureWriteLocked(took time.Duration) {
	f.writeCost += (min(took, 2*f.writeCost) - f.writeCost) / 8
	f.writeCost = max(f.writeCost, time.Microsecond/2)
}

// Wait blocks until the feed has an event with a seq above after, and returns nil. An event that is appended meanwhile counts
// at the next wake-up. The error is ErrClosed if the feed is closed first, or that of ctx.
func (f *Feed) Wait(ctx context.Context, after int64) error {
	for {
		appended, err := f.appendedAfter(after)
		if appended == nil || err != nil {
			return err
		}
		select {
		case <-appended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// appendedAfter returns the channel that the next wake-up closes, or nil if there is nothing to wait for.
func (f *Feed) appendedAfter(seq int64) (<-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.lastSeq > seq:
		return nil, nil
	case f.closed:
		return nil, ErrClosed
	case f.appended == nil:
		f.appended = make(chan struct{})
	}
	return f.appended, nil
}

package sse

import (
	"context"
	"time"
)

// Wake wakes the streams and the calls of Wait, to send and to return what has been appended. It costs about 100 ns for each
// waiting stream.
//
// With many streams, the time between two wake-ups is at least the time that serving them takes. Frames appended meanwhile
// are sent together at the delayed wake-up, with one write for each stream.
func (f *Feed) Wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wakePending || f.closed {
		return
	}
	wait := f.wakeIntervalLocked() - time.Since(f.lastWake)
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
	f.lastWake = time.Now()
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
	manyStreams     = 64                    // fewer are woken without a delay
	writeTime       = 10 * time.Microsecond // estimate for one write to a connection
	maxWakeInterval = 20 * time.Millisecond
)

// wakeIntervalLocked returns the shortest time between two wake-ups.
func (f *Feed) wakeIntervalLocked() time.Duration {
	if len(f.subscriptions) < manyStreams {
		return 0
	}
	return min(time.Duration(len(f.subscriptions))*writeTime, maxWakeInterval)
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

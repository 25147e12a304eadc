package core

import (
	"context"
	"slices"
	"time"
)

// reachTimeout limits the wait for a batch that this server has not seen yet but the log has, or should have.
const reachTimeout = time.Second

// reader waits for a batch.
type reader struct {
	seq     int64
	reached chan struct{} // closed when the room has the batch
}

// reach waits until the room has a batch, and reports whether it has. It gives up after a time, when ctx ends, and when the
// room stops.
func (r *Room) reach(ctx context.Context, seq int64, limit time.Duration) bool {
	r.mu.Lock()
	if r.err != nil || r.state.Seq() >= seq {
		defer r.mu.Unlock()
		return r.err == nil
	}
	w := reader{seq, make(chan struct{})}
	r.waiting = append(r.waiting, w)
	r.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.reached:
	case <-timer.C:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = slices.DeleteFunc(r.waiting, func(o reader) bool { return o == w })
	return r.err == nil && r.state.Seq() >= seq
}

// advancedLocked wakes the calls of reach whose batch the room now has. If the room has stopped, it wakes all calls.
func (r *Room) advancedLocked() {
	if len(r.waiting) == 0 {
		return
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(w reader) bool {
		done := r.err != nil || w.seq <= r.state.Seq()
		if done {
			close(w.reached)
		}
		return done
	})
}

package core

import (
	"context"
	"sync"
	"time"
)

// ahead is what a room knows of the log beyond its own state: from the log tail, and from other servers' messages. It is
// safe for concurrent use.
type ahead struct {
	mu       sync.Mutex
	head     int64            // the log is known to have the batches up to this one
	received map[int64]*Batch // by serverSeq; the log has the others
	bytes    int              // of received
	running  bool             // a goroutine reads what is missing
	arrived  chan struct{}    // has a token when add was called while the goroutine runs
}

// maxReceived limits the received batches that a room keeps, in bytes of log rows. What does not fit is read from the log.
const maxReceived = 1 << 20

// add records that the log has a batch; b is nil if only its number is known. seq is the room's serverSeq. It reports
// whether the caller has to start a goroutine that brings the room up to head.
func (a *ahead) add(seq, serverSeq int64, b *Batch) (start bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if serverSeq <= seq {
		return false
	}
	a.head = max(a.head, serverSeq)
	if b != nil && a.received[serverSeq] == nil {
		if n := weightOf(b); a.bytes+n <= maxReceived {
			if a.received == nil {
				a.received = map[int64]*Batch{}
			}
			a.received[serverSeq] = b
			a.bytes += n
		}
	}
	start = !a.running
	a.running = true
	if a.arrived == nil {
		a.arrived = make(chan struct{}, 1)
	}
	select {
	case a.arrived <- struct{}{}:
	default: // it has a token already
	}
	return start
}

// await waits until the batch that follows on seq has been received, since its message may be on its way. It gives up after a
// time, and when ctx ends.
func (a *ahead) await(ctx context.Context, seq int64, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !a.hasNext(seq) {
		select {
		case <-a.arrived:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// hasNext reports whether the batch that follows on seq has been received, or the log has none.
func (a *ahead) hasNext(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head <= seq || a.received[seq+1] != nil
}

// take removes and returns the received batches that follow on seq. missing reports whether the log has others.
func (a *ahead) take(seq int64) (next []*Batch, missing bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for b := a.received[seq+1]; b != nil; b = a.received[seq+1] {
		next = append(next, b)
		delete(a.received, b.ServerSeq)
		a.bytes -= weightOf(b)
		seq++
	}
	return next, a.head > seq
}

// forget drops what is beyond seq: the log does not have it.
func (a *ahead) forget(seq int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head, a.received, a.bytes = seq, nil, 0
}

// end reports whether the room has everything up to head. Then the goroutine ends, and add asks for another one.
func (a *ahead) end(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.head > seq {
		return false
	}
	a.received, a.bytes, a.running = nil, 0, false
	return true
}

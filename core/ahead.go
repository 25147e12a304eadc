package core

import (
	"context"
	"math"
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
	arrived  chan struct{}    // has a token when add was called; nil: never

	added    int // calls of add so far
	compare  int // added at the last call with wholeLog
	compared int // the log has been read to its end since this call of add
}

// maxReceived limits the received batches that a room keeps, in bytes of log rows. What does not fit is read from the log.
const maxReceived = 1 << 20

// wholeLog instead of a serverSeq: the log may have any number of batches beyond the room.
const wholeLog = math.MaxInt64

// add records that the log has a batch; b is nil if only its number is known. seq is the room's serverSeq. It reports
// whether the caller has to start a goroutine that brings the room up to head.
func (a *ahead) add(seq, serverSeq int64, b *Batch) (start bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if serverSeq <= seq {
		return false
	}
	a.added++
	if serverSeq == wholeLog {
		a.compare = a.added
	} else {
		a.head = max(a.head, serverSeq)
	}
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

// await waits for the batch that follows on seq, while a message with it may be on its way. It gives up after a time and when
// ctx ends, and reports whether it still expects the message.
func (a *ahead) await(ctx context.Context, seq int64, limit time.Duration) (expected bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for a.expects(seq) {
		select {
		case <-a.arrived:
		case <-timer.C:
			return a.expects(seq)
		case <-ctx.Done():
			return true
		}
	}
	return false
}

// expects reports whether a message with the batch that follows on seq may be on its way: a later batch has been received.
// Messages overtake each other, above all the answer to a forwarded batch.
func (a *ahead) expects(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.received[seq+1] != nil || a.compare > a.compared {
		return false
	}
	for n := range a.received {
		if n > seq {
			return true
		}
	}
	return false
}

// take removes and returns the received batches that follow on seq. missing reports whether the log has others, or may have.
// asOf is for logEnded.
func (a *ahead) take(seq int64) (next []*Batch, missing bool, asOf int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for b := a.received[seq+1]; b != nil; b = a.received[seq+1] {
		next = append(next, b)
		delete(a.received, b.ServerSeq)
		a.bytes -= weightOf(b)
		seq++
	}
	return next, a.missingLocked(seq), a.added
}

func (a *ahead) missingLocked(seq int64) bool { return a.head > seq || a.compare > a.compared }

// logEnded records that the log ended at seq when it was read after the call of take that returned asOf. Batches beyond seq are
// dropped, unless others were added meanwhile: the log may have got these since.
func (a *ahead) logEnded(seq int64, asOf int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.compared = asOf
	if a.added == asOf {
		a.head, a.received, a.bytes = min(a.head, seq), nil, 0
	}
}

// end reports whether the room has everything up to head. Then the goroutine ends, and add asks for another one.
func (a *ahead) end(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.missingLocked(seq) {
		return false
	}
	a.received, a.bytes, a.running = nil, 0, false
	return true
}

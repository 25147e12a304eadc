package core

import (
	"math"
	"sync"
)

// ahead is what a room knows of the log beyond its own state: from the log tail, and from other servers' messages. It is
// safe for concurrent use.
type ahead struct {
	mu       sync.Mutex
	head     int64            // the log is known to have the batches up to this one
	received map[int64]*Batch // by serverSeq; the log has the others
	bytes    int              // of received
	running  bool             // a goroutine reads what is missing

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
	return start
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

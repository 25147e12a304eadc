package core

import "time"

// Recorder is told what a hub does, for those who measure it. Its methods are called in the middle of the work: they must
// not block. What they are handed must not be changed.
type Recorder interface {
	// Committed is told the batches that one transaction has made durable, and how long that took the database, from
	// the first attempt on.
	Committed(batches []*Batch, took time.Duration)
	// Repeated is told that a batch came again and got its first answer.
	Repeated()
	// Checkpointed is told how many document rows one transaction has written, and how long that took.
	Checkpointed(rows int, took time.Duration)
	// Retried is told that the database could not be used for a write, which will be tried again.
	Retried()
}

type nopRecorder struct{}

func (nopRecorder) Committed([]*Batch, time.Duration) {}
func (nopRecorder) Repeated()                         {}
func (nopRecorder) Checkpointed(int, time.Duration)   {}
func (nopRecorder) Retried()                          {}

// Stats is how a hub is at a moment.
type Stats struct {
	Rooms       int           // in memory
	MemoryBytes int64         // that the rooms take, as Config.MemoryBudget estimates it
	QueuedBytes int64         // of batches that wait for their commit
	Unsaved     time.Duration // how long the oldest change has been waiting for its document row; 0: there is none
	Outage      bool          // the database does not answer
}

// Stats returns how the hub is now.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms := len(h.rooms)
	h.mu.Unlock()
	return Stats{
		Rooms: rooms, MemoryBytes: h.memory.Load(), QueuedBytes: h.committer.queued.Load(),
		Unsaved: h.checkpointer.lag(time.Now()), Outage: h.committer.outage.Load(),
	}
}

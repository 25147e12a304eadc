package core

import "time"

// Recorder measures what a hub does. Its methods are called in the middle of the work, from several goroutines: they must
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
	// Rejected counts a batch that the database refuses. Its sender gets an error.
	Rejected()
	// Contradicted counts a conflict that the log does not explain. An operator has to look at the database.
	Contradicted()
}

type nopRecorder struct{}

func (nopRecorder) Committed([]*Batch, time.Duration) {}
func (nopRecorder) Repeated()                         {}
func (nopRecorder) Checkpointed(int, time.Duration)   {}
func (nopRecorder) Retried()                          {}
func (nopRecorder) Rejected()                         {}
func (nopRecorder) Contradicted()                     {}

// Stats is how a hub is at a moment.
type Stats struct {
	Rooms       int           // in memory
	MemoryBytes int64         // that the process takes, about: as Config.MemoryBudget counts, older versions that readers still hold, and garbage
	QueuedBytes int64         // of batches that wait for their commit
	Unsaved     time.Duration // how long the oldest change has been waiting for its document row; 0: there is none
	Outage      bool          // the database does not answer, is gone, or is being opened again
}

// Stats returns how the hub is now.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms, left := len(h.rooms), h.left != nil
	h.mu.Unlock()
	return Stats{
		Rooms: rooms, MemoryBytes: h.estimate(), QueuedBytes: h.committer.queuedBytes(),
		Unsaved: h.checkpointer.lag(time.Now()), Outage: left || h.committer.outage.Load() || h.watcher.gone.Load(),
	}
}

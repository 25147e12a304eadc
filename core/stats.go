package core

import "time"

// Stats is the state of a hub at one moment.
type Stats struct {
	Rooms       int           // in memory
	MemoryBytes int64         // estimated memory of the process: Config.MemoryBudget, old versions that readers hold, and garbage
	QueuedBytes int64         // memory of batches that wait for a commit
	Unsaved     time.Duration // age of the oldest change without its document row; 0: there is none
	Servers     int           // live servers of the database, with this one; 0 without a bus
	BusHealthy  bool          // messages reach all other servers, as far as the bus knows
	TailLag     time.Duration // since the log tail was last read, beyond its interval
	TailHeld    time.Duration // age of the oldest transaction of which the tail does not know the outcome; 0: there is none
	Outage      bool          // the database does not respond, is missing, or is being reopened
}

// Stats returns the current state of the hub.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms, reopening := len(h.rooms), h.reopening != nil
	h.mu.Unlock()
	bus := h.cluster.bus
	return Stats{
		Servers: len(h.cluster.members.Load().live), BusHealthy: bus != nil && bus.Healthy(),
		Rooms: rooms, MemoryBytes: h.estimate(), QueuedBytes: h.committer.queuedBytes(),
		TailLag: h.tailer.lag(), TailHeld: time.Duration(h.tailer.held.Load()),
		Unsaved: h.checkpointer.lag(time.Now()), Outage: reopening || h.committer.outage.Load() || h.watcher.gone.Load(),
	}
}

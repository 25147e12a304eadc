package core

import "time"

// This file has the checkpointer's operations on a room. They hold the room's lock for the encoding of at most one document.

// scheduleRowsLocked schedules the room's next document row with the checkpointer. Its cost depends on the number of documents
// that have changed since the last call.
func (r *Room) scheduleRowsLocked() {
	if r.err != nil || r.leavesRowsLocked() {
		return
	}
	now := time.Now()
	due, ok := r.state.unsaved.schedule(now, r.hub.cfg.ServerBatch)
	if r.state.checkpoint() > r.checkpoint {
		if soon := now.Add(r.hub.cfg.ServerBatch); !ok || soon.Before(due) {
			due, ok = soon, true
		}
	}
	due = later(due, r.retry)
	if !ok || !r.scheduled.IsZero() && !due.Before(r.scheduled) {
		return
	}
	r.scheduled = due
	r.hub.checkpointer.schedule(r, due)
}

// leavesRowsLocked reports whether the rows are left to the servers that have committed the batches they lack.
func (r *Room) leavesRowsLocked() bool { return r.committed <= r.checkpoint }

// savedLocked reports whether the database has the room's rows and checkpoint, as far as this server writes them. Rows that
// the database rejects do not count: the log has what they lack.
func (r *Room) savedLocked() bool {
	if r.leavesRowsLocked() {
		return true
	}
	u := &r.state.unsaved
	return u.byFirst.len() == u.refused && (u.refused > 0 || r.state.checkpoint() <= r.checkpoint)
}

// makeDue makes all rows of the room due now.
func (r *Room) makeDue() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeDueLocked()
}

func (r *Room) makeDueLocked() {
	if r.err != nil || r.savedLocked() {
		return
	}
	now := time.Now()
	r.state.unsaved.makeAllDue(now)
	r.scheduled = later(now, r.retry)
	r.hub.checkpointer.schedule(r, r.scheduled)
}

// firstCheckpoint returns the checkpoint that must be saved before the room's first row.
func (r *Room) firstCheckpoint() (Checkpoint, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scheduled = time.Time{} // the checkpointer has taken the room
	return Checkpoint{r.name, r.checkpoint, r.checkpointRows}, r.err == nil && !r.hasCheckpoint
}

// nextCheckpoint returns the checkpoint that the saved rows allow, if it is higher than the stored one.
func (r *Room) nextCheckpoint() (Checkpoint, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.state.checkpoint()
	return Checkpoint{r.name, p, r.state.rows}, r.err == nil && p > r.checkpoint
}

// checkpointSaved records a saved checkpoint.
func (r *Room) checkpointSaved(serverSeq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hasCheckpoint = true
	r.checkpoint = max(r.checkpoint, serverSeq)
}

// takeRow returns a row that is due. fits is false if the row has more bytes than are left in a transaction that is not empty.
// A stopped room has no rows: its state may have a part of a batch that could not be folded, and must not be saved.
func (r *Room) takeRow(empty bool, left int) (row pendingRow, found, fits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return pendingRow{}, false, false
	}
	d := r.state.unsaved.next(time.Now())
	if d == nil {
		return pendingRow{}, false, false
	}
	if !empty && d.Size() > left {
		return pendingRow{}, true, false
	}
	r.state.unsaved.take(d)
	row = pendingRow{Document{Room: r.name, Key: d.key, ServerSeq: d.seq, State: string(r.state.json(d))}, r, d}
	r.updateMemoryLocked() // the document may have been encoded
	return row, true, true
}

func (r *Room) rowSaved(d *document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !d.stored {
		d.stored = true
		r.state.rows++
	}
	r.changeRowsLocked(func(u *unsaved, now time.Time) { u.saved(d, now, r.hub.cfg.ServerBatch) })
}

func (r *Room) rowFailed(d *document, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changeRowsLocked(func(u *unsaved, now time.Time) { u.failed(d, now, r.hub.cfg.ServerBatch, refused) })
}

// changeRowsLocked changes unsaved, and updates the checkpointer's count of refused rows.
func (r *Room) changeRowsLocked(do func(u *unsaved, now time.Time)) {
	u := &r.state.unsaved
	before := u.refused
	do(u, time.Now())
	if r.err == nil && u.refused != before {
		r.hub.checkpointer.count(u.refused - before)
	}
}

// finishRound ends a round of the checkpointer. It schedules the rows that are left; after a failure, with a delay.
func (r *Room) finishRound(ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.retry = time.Now().Add(r.hub.cfg.ServerBatch)
	}
	r.scheduleRowsLocked()
}

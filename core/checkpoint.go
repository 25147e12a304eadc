package core

import "time"

// This file is what the checkpointer does with a room. The methods take the room's lock, and hold it for the encoding of
// one document at most.

// noteUnsaved has the checkpointer write what the room has, when it is due. The lock is held. It costs what has changed
// since the last call.
func (r *Room) noteUnsaved() {
	if r.err != nil {
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
	if !ok || !r.noted.IsZero() && !due.Before(r.noted) {
		return
	}
	r.noted = due
	r.hub.checkpointer.note(r, due)
}

// saved reports whether the database has all that the room has. The lock is held. Rows that the database refuses do not
// count: the log has what they lack.
func (r *Room) saved() bool {
	u := &r.state.unsaved
	return u.byFirst.len() == u.refused && (u.refused > 0 || r.state.checkpoint() <= r.checkpoint)
}

// hurry makes everything that the room has due now.
func (r *Room) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurryLocked()
}

func (r *Room) hurryLocked() {
	if r.err != nil || r.saved() {
		return
	}
	now := time.Now()
	r.state.unsaved.hurry(now)
	r.noted = later(now, r.retry)
	r.hub.checkpointer.note(r, r.noted)
}

// firstCheckpoint is the checkpoint that has to be stored before the first row of the room is written.
func (r *Room) firstCheckpoint() (Checkpoint, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noted = time.Time{} // the room has been taken
	return Checkpoint{r.name, r.checkpoint, r.promised}, r.err == nil && !r.anchored
}

// nextCheckpoint is the checkpoint that the rows allow now, if it is higher than the one stored.
func (r *Room) nextCheckpoint() (Checkpoint, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.state.checkpoint()
	return Checkpoint{r.name, p, r.state.rows}, r.err == nil && p > r.checkpoint
}

// checkpointed notes that a checkpoint is stored.
func (r *Room) checkpointed(serverSeq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.anchored = true
	r.checkpoint = max(r.checkpoint, serverSeq)
}

// takeRow returns a row that is due, unless it takes more bytes than there are left in a transaction that is not empty. A
// room that was stopped has none: its state may hold a part of the batch that could not be folded, and must not be
// written over what the database has.
func (r *Room) takeRow(empty bool, left int) (row rowOf, found, fits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return rowOf{}, false, false
	}
	d := r.state.unsaved.next(time.Now())
	if d == nil {
		return rowOf{}, false, false
	}
	if !empty && d.Size() > left {
		return rowOf{}, true, false
	}
	r.state.unsaved.take(d)
	row = rowOf{Document{Room: r.name, Key: d.key, ServerSeq: d.seq, State: string(r.state.json(d))}, r, d}
	r.weigh() // the document may have been encoded for it
	return row, true, true
}

func (r *Room) rowSaved(d *document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !d.stored {
		d.stored = true
		r.state.rows++
	}
	r.change(func(u *unsaved, now time.Time) { u.saved(d, now, r.hub.cfg.ServerBatch) })
}

func (r *Room) rowFailed(d *document, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(func(u *unsaved, now time.Time) { u.failed(d, now, r.hub.cfg.ServerBatch, refused) })
}

// change changes what is unsaved, and has the checkpointer count what of it is refused. The lock is held.
func (r *Room) change(do func(u *unsaved, now time.Time)) {
	u := &r.state.unsaved
	before := u.refused
	do(u, time.Now())
	if r.err == nil && u.refused != before {
		r.hub.checkpointer.count(u.refused - before)
	}
}

// settle ends a round of the checkpointer for the room. What is left is noted again; after a failure, not at once.
func (r *Room) settle(ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.retry = time.Now().Add(r.hub.cfg.ServerBatch)
	}
	r.noteUnsaved()
}

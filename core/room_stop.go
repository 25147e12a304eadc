package core

// failLocked stops a room whose state is not valid any more, and logs the error. It does nothing if the room has stopped.
func (r *Room) failLocked(err error) {
	if r.err != nil {
		return
	}
	r.hub.cfg.Log.Error("room stopped", "room", r.name, "error", err)
	r.endLocked(err)
}

// end stops a room that has to be opened again.
func (r *Room) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.endLocked(err)
	}
}

// endLocked refuses the queued batches and closes the listener.
func (r *Room) endLocked(err error) {
	r.err = err
	r.hub.committer.drain(r, err)
	r.shutLocked(err)
}

// closeIfIdle closes the room if it has no work left, and reports whether it did. It does not wait for the room's lock.
func (r *Room) closeIfIdle() bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	if !r.hub.committer.idle(r) || !r.presence.Idle() {
		return false
	}
	if !r.savedLocked() {
		r.makeDueLocked()
		return false
	}
	r.shutLocked(nil)
	return true
}

func (r *Room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shutLocked(nil)
}

// shutLocked stops the room's timer, releases its memory and closes the listener.
func (r *Room) shutLocked(err error) {
	if r.err == nil {
		r.err = ErrClosing
	}
	if !r.stopped.Swap(true) {
		r.hub.checkpointer.count(-r.state.unsaved.refused)
	}
	if r.presenceTimer != nil {
		r.presenceTimer.Stop()
	}
	r.setMemoryLocked(0)
	r.listener.Closed(err)
	r.advancedLocked()
}

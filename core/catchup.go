package core

import (
	"context"
	"time"
)

// heard brings a room up to a batch that another server may have committed, if the room is open. b is the batch, or nil if
// only its number is known; then it is read from the log. heard does not block.
func (h *Hub) heard(store Store, room string, serverSeq int64, b *Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.rooms[room]
	if s == nil || h.closing || h.history.store != store {
		return
	}
	s.heard = max(s.heard, serverSeq)
	if s.room != nil {
		h.catchUpLocked(s, serverSeq, b)
	}
}

// compareWithLog brings the rooms of a store up to the log, which may have batches that the tail does not name: those that are
// open, and those that are being opened, once they are.
func (h *Hub) compareWithLog(store Store) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing || h.history.store != store {
		return
	}
	for _, s := range h.rooms {
		s.heard = wholeLog
		if s.room != nil {
			h.catchUpLocked(s, wholeLog, nil)
		}
	}
}

// catchUpLocked starts the goroutine that brings a room up to a batch, unless it runs or the room has the batch. It does not
// count as use of the room: a room that only other servers use is closed here.
func (h *Hub) catchUpLocked(s *slot, serverSeq int64, b *Batch) {
	r := s.room
	if !r.ahead.add(r.seq.Load(), serverSeq, b) {
		return
	}
	h.opening.Go(func() { r.catchUp(h.ctx) })
}

// messagePatience is how long a room waits for a message that others have overtaken, before it reads the log.
const messagePatience = 20 * time.Millisecond

// catchUp folds the batches that the log is known to have beyond the room's state. It retries until it has all of them, the
// room stops, or ctx ends.
func (r *Room) catchUp(ctx context.Context) {
	warned := false
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		read := true
		if bus := r.hub.cluster.bus; bus != nil && bus.Healthy() {
			read = r.ahead.await(ctx, r.seq.Load(), messagePatience)
		}
		if !r.hub.committer.claim(ctx, r) {
			return
		}
		err := r.foldAhead(ctx, read)
		r.hub.committer.finish(r, nil)
		switch {
		case err == nil && r.ahead.end(r.seq.Load()), r.stopped.Load():
			return
		case err == nil:
			wait = firstRetry / 2
			continue
		}
		if !warned {
			warned = true
			r.hub.cfg.Log.Warn("batches of another server cannot be read; retrying", "room", r.name, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// foldAhead folds what the log has beyond the room's state: received batches, and pages of the log. Without read, it does not
// read what a message may still bring. The caller has the room in flight.
func (r *Room) foldAhead(ctx context.Context, read bool) error {
	for {
		page, missing, asOf := r.ahead.take(r.seq.Load())
		fromLog := len(page) == 0
		switch {
		case fromLog && (!missing || !read && r.ahead.expects(r.seq.Load())):
			return nil
		case fromLog:
			var err error
			if page, err = r.Log(ctx, r.seq.Load(), replayPage); err != nil {
				return err
			}
		}
		if len(page) > 0 {
			if err := r.foldOthers(page); err != nil {
				return err
			}
			r.hub.cfg.Metrics.CaughtUp(len(page), fromLog)
		}
		if fromLog && replayPage.isLast(page) {
			r.ahead.logEnded(r.seq.Load(), asOf)
		}
	}
}

// isLast reports whether the log ended with these batches when they were read. Stores measure bytes differently, so a page
// that comes near the limit is not the last.
func (p Page) isLast(batches []*Batch) bool {
	bytes := 0
	for _, b := range batches {
		for i := range b.Ops {
			bytes += len(b.Ops[i].Path) + len(b.Ops[i].Value)
		}
	}
	return len(batches) < p.Batches && bytes < p.Bytes/4
}

// foldOthers folds batches of other servers, which are in the log. It stops the room if they do not follow on its state. The
// caller has the room in flight.
func (r *Room) foldOthers(page []*Batch) error {
	if first := page[0].ServerSeq; first > r.seq.Load()+1 {
		return r.reopen("another server committed to it, and the log in between was pruned", "log", first)
	}
	decisions, err := decisionsOf(page)
	if err = r.foldKnown(decisions, err); err != nil {
		return err
	}
	r.hub.committer.releaseUpTo(r, page)
	r.hub.recordHead(r.store, page[len(page)-1])
	return nil
}

// foldKnown folds batches of the log. An error, of theirs or of folding them, stops the room.
func (r *Room) foldKnown(decisions []Decision, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if err == nil {
		err = r.foldLocked(decisions)
	}
	if err != nil {
		r.failLocked(err)
	}
	return err
}

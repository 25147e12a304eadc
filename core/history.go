package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// history is one history of the database, as this process serves it.
type history struct {
	store Store
	// watched: this process saw the history begin, and has checked it ever since. No position of it lies beyond the log.
	watched bool
	witness position // the last batch that this process knows the database to hold
}

// position is a batch's place in the database.
type position struct {
	room string
	seq  int64
}

// Waits between attempts to reopen the store.
const (
	firstReopening = 20 * time.Millisecond
	lastReopening  = time.Second
)

// store returns the store of the history that is served now.
func (h *Hub) store() Store {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.store
}

// explain gives an error of a store a meaning for the hub's callers. It leaves the history that the database has left.
func (h *Hub) explain(store Store, err error, doing string) error {
	if errors.Is(err, ErrHistoryChanged) {
		h.leave(store, err)
		return fmt.Errorf("%s: %w", doing, err)
	}
	if errors.Is(err, ErrGone) {
		h.watcher.found(store, err)
	}
	return unavailable(err, doing)
}

// leave refuses writes and has the store reopened in the background. It does nothing if that history was left before.
func (h *Hub) leave(store Store, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left != nil || h.closing || h.history.store != store {
		return
	}
	left := make(chan struct{})
	h.left = left
	h.cfg.Log.Error("the history of the database has changed; writes are refused until it is opened again, and readers start again",
		"epoch", store.Epoch(), "error", cause)
	h.opening.Go(func() { h.renew(store, errors.Is(cause, ErrHistoryLost), sync.OnceFunc(func() { close(left) })) })
}

// renew ends the rooms of a history and opens the one that the database holds now. Where batches were lost, that one
// gets a new epoch first. It calls settled after the first attempt.
func (h *Hub) renew(old Store, lost bool, settled func()) {
	for _, r := range h.openRooms() {
		r.end(ErrHistoryChanged)
	}
	warned := ""
	for wait := firstReopening; ; wait = min(2*wait, lastReopening) {
		ctx, cancel := context.WithTimeout(h.life, h.cfg.StoreTimeout)
		next, err := old.Reopen(ctx, lost)
		cancel()
		if err == nil {
			h.adopt(next, settled)
			return
		}
		settled()
		if text := err.Error(); text != warned && h.life.Err() == nil {
			warned = text
			h.cfg.Log.Warn("the database cannot be opened again; it will be tried again", "error", err)
		}
		select {
		case <-time.After(wait):
		case <-h.life.Done():
			return
		}
	}
}

// adopt serves a history from now on. A room of the last one that is still being opened is refused when it is there.
func (h *Hub) adopt(next Store, settled func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = history{store: next, watched: next.Created()}
	settled()
	h.left = nil
	h.cfg.Log.Info("the database is open again", "epoch", next.Epoch())
}

func (h *Hub) openRooms() (rooms []*Room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.rooms {
		if s.room != nil {
			rooms = append(rooms, s.room)
		}
	}
	return rooms
}

// Settled waits, after the history has changed, until the hub has tried to open the database again, or ctx ends.
func (h *Hub) Settled(ctx context.Context) {
	h.mu.Lock()
	left := h.left
	h.mu.Unlock()
	if left == nil {
		return
	}
	select {
	case <-left:
	case <-ctx.Done():
	}
}

// saw notes that the database holds a batch.
func (h *Hub) saw(store Store, room string, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.history.store == store {
		h.history.witness = position{room, seq}
	}
}

// Reached says whether the room has ever come as far as a serverSeq that somebody names. A serverSeq beyond the end of
// the log in the database proves that the database has lost batches, such as one restored from a backup. Then the
// database gets a new epoch, and Reached returns an error that wraps ErrHistoryChanged.
//
// Anybody can name any serverSeq. So this is no proof where the process has watched the history from its beginning: a
// false claim has an effect once in the life of a process at most.
func (r *Room) Reached(ctx context.Context, seq int64) error {
	var known int64
	r.View(func(v View) { known = v.Seq() })
	if seq <= known || r.hub.watches(r.store) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.hub.cfg.StoreTimeout)
	defer cancel()
	head, err := r.store.Head(ctx, r.name)
	if err == nil && head < seq {
		err = fmt.Errorf("%w: room %q: a reader has batch %d, and the log ends with %d", ErrHistoryLost, r.name, seq, head)
	}
	return r.hub.explain(r.store, err, "looking for a reader's position")
}

func (h *Hub) watches(store Store) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.store == store && h.history.watched
}

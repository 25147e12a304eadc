package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// history is the history of the database that the hub serves. The hub's lock guards it.
type history struct {
	store     Store
	fromStart bool     // the store created this history: no client can have a position beyond the log
	lastSeen  position // the batch that the database was last known to get
}

// position is a batch's place in the database, and its time, by which another batch in that place is recognised.
type position struct {
	room    string
	seq, ts int64
}

// Delay between attempts to reopen the store: the first, and the longest.
const (
	firstReopening = 20 * time.Millisecond
	lastReopening  = time.Second
)

// store returns the store of the current history.
func (h *Hub) store() Store {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.store
}

// current returns the store of the current history, and whether it is being reopened.
func (h *Hub) current() (store Store, reopening bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.store, h.reopening != nil
}

// storeError translates an error of a store for the hub's callers, and starts what the error requires: reopening the store,
// or refusing writes.
func (h *Hub) storeError(store Store, err error, doing string) error {
	if errors.Is(err, ErrHistoryChanged) {
		h.startReopen(store, err)
		return fmt.Errorf("%s: %w", doing, err)
	}
	if errors.Is(err, ErrGone) {
		h.watcher.record(store, err)
	}
	return unavailable(err, doing)
}

// startReopen refuses writes and reopens the store in the background. It does nothing for a store that is not the current
// one any more.
func (h *Hub) startReopen(store Store, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reopening != nil || h.closing || h.history.store != store {
		return
	}
	reopening := make(chan struct{})
	h.reopening = reopening
	h.cfg.Log.Error("the history of the database has changed; reopening it. Writes are refused meanwhile, and readers start again",
		"epoch", store.Epoch(), "error", cause)
	h.opening.Go(func() {
		h.reopen(store, errors.Is(cause, ErrHistoryLost), sync.OnceFunc(func() { close(reopening) }))
	})
}

// reopen stops the rooms of a history and opens the current one, with retries. After a loss of batches the database gets a
// new epoch. reopen calls attempted after the first attempt.
func (h *Hub) reopen(old Store, lost bool, attempted func()) {
	for _, r := range h.openRooms() {
		r.end(ErrHistoryChanged)
	}
	warned := ""
	for wait := firstReopening; ; wait = min(2*wait, lastReopening) {
		ctx, cancel := context.WithTimeout(h.ctx, h.cfg.StoreTimeout)
		next, err := old.Reopen(ctx, lost)
		cancel()
		if err == nil {
			h.adopt(next, attempted)
			return
		}
		attempted()
		if text := err.Error(); text != warned && h.ctx.Err() == nil {
			warned = text
			h.cfg.Log.Warn("database cannot be reopened; retrying", "error", err)
		}
		select {
		case <-time.After(wait):
		case <-h.ctx.Done():
			return
		}
	}
}

// adopt makes a store the current one. Rooms of the old store that are still being opened fail with ErrHistoryChanged.
func (h *Hub) adopt(next Store, attempted func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = history{store: next, fromStart: next.Created()}
	attempted()
	h.reopening = nil
	h.cfg.Log.Info("database reopened", "epoch", next.Epoch())
	h.cluster.membership.notify()
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

// WaitReopened waits for the first attempt to reopen the store, or until ctx ends. It returns at once when the store is not
// being reopened.
func (h *Hub) WaitReopened(ctx context.Context) {
	h.mu.Lock()
	reopening := h.reopening
	h.mu.Unlock()
	if reopening == nil {
		return
	}
	select {
	case <-reopening:
	case <-ctx.Done():
	}
}

// recordHead records that the database has got a batch.
func (h *Hub) recordHead(store Store, b *Batch) { h.record(store, b, false) }

// recordOld records that the database has a batch that may be old. A newer one is a better witness: a restored backup has the old one.
func (h *Hub) recordOld(store Store, b *Batch) { h.record(store, b, true) }

func (h *Hub) record(store Store, b *Batch, old bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.history.store == store && (!old || b.ServerTs > h.history.lastSeen.ts) {
		h.history.lastSeen = position{b.Room, b.ServerSeq, b.ServerTs}
	}
}

// CheckPosition checks a serverSeq that a client claims to have, and waits until the room has it, if the log does: another
// server may have committed it. A serverSeq beyond the log proves that the database has lost
// batches, as a restored backup has. Then the database gets a new epoch and the error wraps ErrHistoryChanged. The error wraps
// ErrBehind if this server, one of several, cannot get the batch now. Without other servers, an outage of the database is another
// ErrUnavailable.
//
// Clients can claim any serverSeq. So the claim is ignored in a history that this process has created: a false claim renews
// the epoch at most once in the life of a process.
func (r *Room) CheckPosition(ctx context.Context, seq int64) error {
	if seq <= r.seq.Load() {
		return nil
	}
	if r.hub.shared() && r.reach(ctx, seq, reachTimeout) { // a message of the server that committed it is on its way
		return nil
	}
	timeout, cancel := context.WithTimeout(ctx, r.hub.cfg.StoreTimeout)
	defer cancel()
	head, err := r.store.Head(timeout, r.name)
	switch {
	case err == nil && head >= seq:
		r.hub.heard(r.store, r.name, head, nil)
		if !r.reach(ctx, seq, reachTimeout) {
			return ErrBehind
		}
		return nil
	case err == nil && r.hub.watchedFromStart(r.store):
		return nil
	case err == nil:
		err = fmt.Errorf("%w: room %q: a client has batch %d and the log ends at %d", ErrHistoryLost, r.name, seq, head)
	}
	err = r.hub.storeError(r.store, err, "checking a client's position")
	if r.hub.shared() && errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: %w", ErrBehind, err)
	}
	return err
}

// shared reports whether other servers may commit batches, as far as this one knows.
func (h *Hub) shared() bool { return h.cluster.bus != nil }

func (h *Hub) watchedFromStart(store Store) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.store == store && h.history.fromStart
}

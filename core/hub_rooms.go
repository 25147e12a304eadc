package core

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

// Account limits the open rooms of one address or user.
type Account struct {
	Name     string
	MaxRooms int
}

// slot is the hub's entry of a room that is open or being opened. The hub's lock guards it, except opened; room and err do
// not change once opened is closed.
type slot struct {
	opened  chan struct{} // closed when room or err is set
	room    *Room
	err     error
	name    string
	opening uint64 // its number in Hub.openings
	users   int    // calls of Hub.Room without a release
	heard   int64  // the log is known to have the room's batches up to this one; or wholeLog

	unused  time.Time     // when users became 0, or when the room was last found busy without users
	element *list.Element // in Hub.unused; nil while the room has users or is being opened

	accounts []Account // accounts of the first caller, which count the room
}

const (
	// retryOpening: for this time, all callers get the error of a failed opening. So a damaged room or an outage costs one
	// attempt and one log line a second, rather than one for each request.
	retryOpening = time.Second
	// openTimeout limits the wait of a request for a room that is being opened. The opening continues: it may have to read a
	// large room over a slow connection.
	openTimeout = 15 * time.Second
)

// Room returns a room, and a function that releases it. It opens the room if necessary. The room stays open until it is
// released. Concurrent calls open a room once. The open room counts on the accounts of the first caller.
//
// The errors are ErrClosing, ErrHistoryChanged, ErrTooManyRooms, ErrOverloaded, ErrUnavailable, ErrCorrupt,
// ErrNoInitialState and the errors of ctx.
func (h *Hub) Room(ctx context.Context, name string, accounts ...Account) (*Room, func(), error) {
	s, err := h.acquire(name, accounts)
	if err != nil {
		return nil, nil, err
	}
	release := h.releaseOnce(s)
	if err = s.wait(ctx); err == nil {
		return s.room, release, nil
	}
	release()
	return nil, nil, err
}

// RoomIfOpen is like Room for a room that is open already. ok is false if it is not.
func (h *Hub) RoomIfOpen(name string) (r *Room, release func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.rooms[name]
	if s == nil || s.room == nil || h.closing {
		return nil, nil, false
	}
	h.useLocked(s)
	return s.room, h.releaseOnce(s), true
}

// wait returns nil when the room is open, or the reason why it cannot be used.
func (s *slot) wait(ctx context.Context) error {
	select {
	case <-s.opened:
		return s.err
	default:
	}
	timeout := time.NewTimer(openTimeout)
	defer timeout.Stop()
	select {
	case <-s.opened:
		return s.err
	case <-timeout.C:
		return fmt.Errorf("%w: the room is still being opened", ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) acquire(name string, accounts []Account) (*slot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, ErrClosing
	}
	if h.reopening != nil {
		return nil, ErrHistoryChanged
	}
	s := h.rooms[name]
	if s == nil || s.staleLocked(time.Now()) {
		if s != nil {
			h.dropLocked(s)
		}
		for _, a := range accounts {
			if h.accountRooms[a.Name] >= a.MaxRooms {
				return nil, ErrTooManyRooms
			}
		}
		if !h.canOpenLocked(time.Now()) {
			return nil, fmt.Errorf("%w: %d rooms are open and use about %d bytes", ErrOverloaded, len(h.rooms), h.used())
		}
		s = &slot{name: name, opened: make(chan struct{}), accounts: accounts}
		h.rooms[name] = s
		h.openings.add(s)
		for _, a := range accounts {
			h.accountRooms[a.Name]++
		}
		h.opening.Go(func() { h.open(name, s) })
	}
	h.useLocked(s)
	return s, nil
}

// open opens the room of a slot. It outlives the request that caused it, so it has its own timeouts, and ends with the hub.
func (h *Hub) open(name string, s *slot) {
	store := h.store()
	room, err := openRoom(h, store, name)
	switch {
	case err == nil, errors.Is(err, ErrHistoryChanged): // startReopen logs the latter
	case h.ctx.Err() != nil:
		err = ErrClosing
	default:
		h.cfg.Log.Error("room cannot be opened", "room", name, "error", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && (h.history.store != store || h.reopening != nil) {
		room.end(ErrHistoryChanged)
		room, err = nil, ErrHistoryChanged
	}
	s.room, s.err, s.unused = room, err, time.Now()
	close(s.opened)
	if err == nil {
		h.catchUpLocked(s, s.heard, nil)
		if h.cluster.bus != nil {
			h.opening.Go(func() { h.cluster.joinPresence(room) })
		}
	}
	if s.users == 0 {
		h.listUnusedLocked(s, s.unused)
	}
}

// releaseOnce returns a function that releases a slot when it is first called. Every stream keeps one, so it is small.
func (h *Hub) releaseOnce(s *slot) func() {
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if s != nil {
			h.releaseLocked(s)
			s = nil
		}
	}
}

func (h *Hub) releaseLocked(s *slot) {
	if s.users--; s.users > 0 {
		return
	}
	select {
	case <-s.opened:
		since := time.Now()
		if s.err != nil {
			since = s.unused // retryOpening counts from the attempt
		}
		h.listUnusedLocked(s, since)
	default: // open lists the slot
	}
}

// staleLocked reports whether a room must be opened again, because the last opening failed a while ago or the room has
// stopped.
func (s *slot) staleLocked(now time.Time) bool {
	if errors.Is(s.err, ErrHistoryChanged) {
		return true
	}
	if s.err != nil {
		return now.Sub(s.unused) >= retryOpening
	}
	return s.room != nil && s.room.stopped.Load() // not Room.Err: the hub's lock must not wait for the room's
}

func (h *Hub) useLocked(s *slot) {
	s.users++
	h.unlistLocked(s)
}

// listUnusedLocked adds a slot at the end of the list of unused rooms, unless it was dropped.
func (h *Hub) listUnusedLocked(s *slot, now time.Time) {
	s.unused = now
	if h.rooms[s.name] == s && s.element == nil {
		s.element = h.unused.PushBack(s)
	}
}

func (h *Hub) unlistLocked(s *slot) {
	if s.element != nil {
		h.unused.Remove(s.element)
		s.element = nil
	}
}

// dropLocked removes a slot from the hub and from its accounts.
func (h *Hub) dropLocked(s *slot) {
	delete(h.rooms, s.name)
	h.openings.remove(s)
	h.unlistLocked(s)
	for _, a := range s.accounts {
		if h.accountRooms[a.Name]--; h.accountRooms[a.Name] == 0 {
			delete(h.accountRooms, a.Name)
		}
	}
}

package core

import (
	"context"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core/presence"
)

// Connection describes a client that opens a stream.
type Connection struct {
	ClientID    string
	UserID      string // authenticated user; "" for an anonymous one
	DisplayName string // "" leaves the current name
	Hidden      bool   // the client does not appear in the presence list
}

// Connect records that a client has opened a stream, and returns the stream's number for Disconnect. The error is
// ErrForeignClient or ErrOverloaded.
func (r *Room) Connect(ctx context.Context, c Connection) (stream int, err error) {
	if err := r.claimWithTimeout(ctx, c.ClientID, c.UserID); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams++
	if c.Hidden {
		r.presence.ConnectHidden(c.ClientID, c.UserID, r.streams, time.Now())
	} else if !r.presence.Connect(c.ClientID, c.UserID, c.DisplayName, r.streams, time.Now()) {
		return 0, r.errPresenceFull()
	}
	r.publishPresenceLocked()
	r.schedulePresenceLocked()
	return r.streams, nil
}

// Disconnect records that a stream has ended. The client leaves when its lease ends, unless it connects again.
func (r *Room) Disconnect(clientID string, stream int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence.Disconnect(clientID, stream, time.Now())
	r.publishPresenceLocked()
	r.armPresenceLocked(time.Now().Add(r.hub.cfg.PresenceTimeout))
}

// UpdatePresence stores the presence data that a client sends, and renews its lease. The error is ErrForeignClient, for the
// client or for its leader, or ErrOverloaded.
func (r *Room) UpdatePresence(ctx context.Context, clientID, userID string, u presence.Update) (presence.User, error) {
	if err := r.claimWithTimeout(ctx, clientID, userID); err != nil {
		return presence.User{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.Via != nil && r.foreignLocked(*u.Via, userID) {
		return presence.User{}, fmt.Errorf("via: %w", ErrForeignClient)
	}
	user, ok := r.presence.Update(clientID, userID, u, time.Now())
	if !ok {
		return presence.User{}, r.errPresenceFull()
	}
	r.publishPresenceLocked()
	r.schedulePresenceLocked()
	r.armPresenceLocked(time.Now().Add(r.hub.cfg.PresenceTimeout))
	return user, nil
}

// Leave removes a client from the presence list at once. The error is ErrForeignClient.
func (r *Room) Leave(clientID, userID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.foreignLocked(clientID, userID) {
		return ErrForeignClient
	}
	r.presence.Leave(clientID, time.Now())
	r.publishPresenceLocked()
	r.schedulePresenceLocked()
	return nil
}

func (r *Room) errPresenceFull() error {
	return fmt.Errorf("%w: %d clients are present in this room", ErrOverloaded, r.hub.cfg.MaxPresence)
}

// schedulePresenceLocked schedules the delivery of pending changes to the listener.
func (r *Room) schedulePresenceLocked() {
	r.updateMemoryLocked()
	if r.presence.Changed() {
		r.touchWindowLocked()
	}
}

// touchWindowLocked opens the presence window or records that something has changed. While the window is open, the timer runs.
func (r *Room) touchWindowLocked() {
	if now := time.Now(); r.window.Touch(now) {
		r.armPresenceLocked(now.Add(r.window.Min))
	}
}

// armPresenceLocked sets the presence timer to a time, unless it fires earlier.
func (r *Room) armPresenceLocked(at time.Time) {
	switch {
	case r.err != nil:
		return
	case r.presenceTimer == nil:
		r.presenceTimer = time.AfterFunc(time.Until(at), r.runPresence)
	case r.presenceAt.IsZero() || at.Before(r.presenceAt):
		r.presenceTimer.Reset(time.Until(at))
	default:
		return
	}
	r.presenceAt = at
}

// runPresence is called by the presence timer. It ends leases, and at the end of the window it passes pending changes to the
// listener.
func (r *Room) runPresence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presenceAt = time.Time{}
	if r.err != nil {
		return
	}
	now := time.Now()
	if r.presence.Expire(now) {
		r.publishPresenceLocked()
		r.schedulePresenceLocked()
	}
	soonest := now.Add(r.window.Min / 10) // many leases end together; and while changes come, the end of the window changes
	if r.window.IsOpen() {
		if end := r.endWindowLocked(now); !end.IsZero() {
			r.armPresenceLocked(latest(end, soonest))
		}
	}
	if at, ok := r.presence.NextExpiry(); ok {
		r.armPresenceLocked(latest(at, soonest))
	}
}

// endWindowLocked ends the presence window, or returns when it ends.
func (r *Room) endWindowLocked(now time.Time) (end time.Time) {
	load := presence.Load{Clients: r.presence.Len(), Changes: r.presence.Changes(), Readers: r.listener.Readers()}
	if end := r.window.End(load); now.Before(end) {
		return end
	}
	if change, ok := r.presence.TakeChange(); ok {
		r.listener.PresenceChanged(change)
	}
	if r.window.Close(load, now) {
		r.listener.ListsDue()
	}
	r.updateMemoryLocked()
	return time.Time{}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

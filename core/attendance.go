package core

import (
	"context"
	"fmt"
	"time"
)

// Visitor is a client that opens a stream.
type Visitor struct {
	ClientID    string
	UserID      string // who it is known to be; "" for nobody
	DisplayName string // "" keeps what is known
	Hidden      bool   // it is not to be present
}

// Attend notes that a client has opened its stream, and returns the stream's number for Depart. The error is
// ErrForeignClient or ErrOverloaded.
func (r *Room) Attend(ctx context.Context, v Visitor) (stream int, err error) {
	if err := r.ownSoon(ctx, v.ClientID, v.UserID); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams++
	if v.Hidden {
		return r.streams, nil
	}
	if !r.presence.Connect(v.ClientID, v.UserID, v.DisplayName, r.streams, time.Now()) {
		return 0, r.crowded()
	}
	r.tellPresence()
	return r.streams, nil
}

// Depart notes that a stream has ended. Unless the client comes back, it leaves when its lease has run out.
func (r *Room) Depart(clientID string, stream int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence.Disconnect(clientID, stream, time.Now())
	r.armPresence(time.Now().Add(r.hub.cfg.PresenceTimeout))
}

// UpdatePresence takes in what a client says of itself, and renews its lease. The error is ErrForeignClient, of the client
// or of the one that it reads along with, or ErrOverloaded.
func (r *Room) UpdatePresence(ctx context.Context, clientID, userID string, u PresenceUpdate) (User, error) {
	if err := r.ownSoon(ctx, clientID, userID); err != nil {
		return User{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.Via != nil && r.foreign(*u.Via, userID) {
		return User{}, fmt.Errorf("via: %w", ErrForeignClient)
	}
	user, ok := r.presence.Update(clientID, userID, u, time.Now())
	if !ok {
		return User{}, r.crowded()
	}
	r.tellPresence()
	r.armPresence(time.Now().Add(r.hub.cfg.PresenceTimeout))
	return user, nil
}

// Leave takes a client out of the room's presence at once.
func (r *Room) Leave(clientID, userID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.foreign(clientID, userID) {
		return ErrForeignClient
	}
	r.presence.Leave(clientID, time.Now())
	r.tellPresence()
	return nil
}

func (r *Room) crowded() error {
	return fmt.Errorf("%w: %d clients are present in this room", ErrOverloaded, r.hub.cfg.MaxPresence)
}

// tellPresence has readers told of changes when the gathering window is over. The lock is held.
func (r *Room) tellPresence() {
	r.weigh()
	if r.presence.Changed() {
		r.armPresence(time.Now().Add(r.presenceWindow()))
	}
}

// presenceWindow is how long changes are gathered: the longer, the more clients there are, since each change is sent to all
// of them.
func (r *Room) presenceWindow() time.Duration {
	return r.hub.cfg.PresenceWindow * time.Duration(1+len(r.presence.members)/windowClients)
}

// windowClients is how many clients make the window one PresenceWindow longer.
const windowClients = 1000

// armPresence has presence looked after at a moment, if not earlier. The lock is held.
func (r *Room) armPresence(at time.Time) {
	switch {
	case r.err != nil:
		return
	case r.presenceTimer == nil:
		r.presenceTimer = time.AfterFunc(time.Until(at), r.tendPresence)
	case r.presenceAt.IsZero() || at.Before(r.presenceAt):
		r.presenceTimer.Reset(time.Until(at))
	default:
		return
	}
	r.presenceAt = at
}

// tendPresence ends leases that have run out and tells the listener what has changed.
func (r *Room) tendPresence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presenceAt = time.Time{}
	if r.err != nil {
		return
	}
	r.presence.Expire(time.Now())
	if change, ok := r.presence.TakeChange(); ok {
		r.listener.PresenceChanged(change)
		r.weigh()
	}
	if at, ok := r.presence.NextExpiry(); ok {
		r.armPresence(at)
	}
}

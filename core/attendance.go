package core

import (
	"fmt"
	"time"
)

// Attend notes that a client has opened its stream, and returns the stream's number for Depart. displayName "" keeps
// what is known.
func (r *Room) Attend(clientID, displayName string) (stream int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams++
	if !r.presence.Connect(clientID, displayName, r.streams, time.Now()) {
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

// UpdatePresence takes in what a client says of itself, and renews its lease.
func (r *Room) UpdatePresence(clientID string, u PresenceUpdate) (User, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, ok := r.presence.Update(clientID, u, time.Now())
	if !ok {
		return User{}, r.crowded()
	}
	r.tellPresence()
	r.armPresence(time.Now().Add(r.hub.cfg.PresenceTimeout))
	return user, nil
}

// Leave takes a client out of the room's presence at once.
func (r *Room) Leave(clientID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence.Leave(clientID)
	r.tellPresence()
}

func (r *Room) crowded() error {
	return fmt.Errorf("%w: %d clients are present in this room", ErrOverloaded, r.hub.cfg.MaxPresence)
}

// tellPresence has readers told of changes when the gathering window is over. The lock is held.
func (r *Room) tellPresence() {
	if r.presence.Changed() {
		r.armPresence(time.Now().Add(r.hub.cfg.PresenceWindow))
	}
}

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

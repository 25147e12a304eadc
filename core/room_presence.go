package core

import (
	"context"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core/presence"
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
func (r *Room) UpdatePresence(ctx context.Context, clientID, userID string, u presence.Update) (presence.User, error) {
	if err := r.ownSoon(ctx, clientID, userID); err != nil {
		return presence.User{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.Via != nil && r.foreign(*u.Via, userID) {
		return presence.User{}, fmt.Errorf("via: %w", ErrForeignClient)
	}
	user, ok := r.presence.Update(clientID, userID, u, time.Now())
	if !ok {
		return presence.User{}, r.crowded()
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
	return r.hub.cfg.PresenceWindow * time.Duration(1+r.presence.Len()/windowClients)
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

// UserList reads the presence list of a room page by page. The room may change between two reads; presence.Cursor says what
// a reader gets. A list is used by one goroutine at a time.
type UserList struct {
	room   *Room
	encode presence.Encoder
	cursor presence.Cursor
}

// Users returns the presence list as of now.
func (v View) Users(encode presence.Encoder) *UserList {
	return &UserList{room: v.r, encode: encode, cursor: v.r.presence.Cursor()}
}

// Next returns the next users, each encoded with a comma before it, and nil at the end. The bytes are shared between readers
// and must not be changed. A reader should release them before the next call.
func (l *UserList) Next() []byte {
	l.room.mu.Lock()
	defer l.room.mu.Unlock()
	text := l.room.presence.Next(&l.cursor, l.encode)
	if len(text) > 0 {
		l.room.weigh() // the page may have been encoded
	}
	return text
}

// Done reports whether Next has returned the whole list.
func (l *UserList) Done() bool { return l.cursor.Done() }

package feed

import (
	"slices"
	"sync"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/sse"
)

// Expiry ends a stream when the identity that opened or renewed it expires. It is safe for concurrent use.
type Expiry struct {
	stream  *sse.Stream
	user    string
	rooms   []string // of the stream
	visible []string // rooms in which the stream keeps its client present

	mu      sync.Mutex
	timer   *time.Timer // nil: the stream does not expire
	stopped bool
}

// NewExpiry starts the expiry of a stream of some rooms. visible are those in which its client is present.
func NewExpiry(stream *sse.Stream, identity access.Identity, rooms, visible []string) *Expiry {
	e := &Expiry{stream: stream, user: identity.User, rooms: rooms, visible: visible}
	e.set(identity.Expires)
	return e
}

// set changes the time of expiry; zero: never.
func (e *Expiry) set(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	if !at.IsZero() && !e.stopped {
		e.timer = time.AfterFunc(time.Until(at), func() {
			e.stream.End(Frame("problem", problem.New(problem.TokenExpired, "")))
		})
	}
}

// Stop stops the timer of a stream that has ended.
func (e *Expiry) Stop() {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.set(time.Time{})
}

// Renew continues the stream with another identity of the same user. An identity that could not open the stream ends it.
func (e *Expiry) Renew(identity access.Identity) error {
	if identity.User != e.user {
		return problem.New(problem.Forbidden, core.ErrForeignClient.Error())
	}
	denied := append(identity.Denied(access.Read, e.rooms), identity.Denied(access.Presence, e.visible)...)
	if len(denied) > 0 {
		p := problem.New(problem.Forbidden, "the new token does not grant the permissions of this stream")
		p.Rooms = e.roomsToName(denied)
		e.stream.End(Frame("problem", p))
		return p
	}
	e.set(identity.Expires)
	return nil
}

// roomsToName returns the rooms that a problem of the stream names: none if the stream has one room.
func (e *Expiry) roomsToName(rooms []string) []string {
	if len(e.rooms) == 1 {
		return nil
	}
	slices.Sort(rooms)
	return slices.Compact(rooms)
}

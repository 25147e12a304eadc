package httpapi

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

// tenure is how long a stream may go on: until the identity ends that it was opened with, or the one that it was given
// since.
type tenure struct {
	stream *sse.Stream
	user   string
	reads  []string // rooms that the stream is of
	shown  []string // those of them in which it keeps its client present

	mu    sync.Mutex
	timer *time.Timer // nil: there is no end
	over  bool
}

func newTenure(stream *sse.Stream, identity access.Identity, reads, shown []string) *tenure {
	t := &tenure{stream: stream, user: identity.User, reads: reads, shown: shown}
	t.until(identity.Expires)
	return t
}

// until moves the end; the zero time is none.
func (t *tenure) until(end time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if !end.IsZero() && !t.over {
		t.timer = time.AfterFunc(time.Until(end), func() { t.stream.End(frame("problem", problem(TokenExpired, "").json())) })
	}
}

// stop forgets the end of a stream that has ended.
func (t *tenure) stop() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.until(time.Time{})
}

// renew goes on with another identity of the same user. One that would not have been let in ends the stream.
func (t *tenure) renew(identity access.Identity) error {
	if identity.User != t.user {
		return problem(Forbidden, core.ErrForeignClient.Error())
	}
	refused := append(notGranted(identity, access.Read, t.reads), notGranted(identity, access.Presence, t.shown)...)
	if len(refused) > 0 {
		p := problem(Forbidden, "the new token does not grant what this stream needs")
		p.Rooms = t.among(refused)
		t.stream.End(frame("problem", p.json()))
		return p
	}
	t.until(identity.Expires)
	return nil
}

// among is what to say of some rooms of the stream: nothing, if it has no others.
func (t *tenure) among(rooms []string) []string {
	if len(t.reads) == 1 {
		return nil
	}
	slices.Sort(rooms)
	return slices.Compact(rooms)
}

// postToken gives an open stream the token that this request comes with.
func (s *Server) postToken(c echo.Context) error {
	name, err := pathName(c, "room", core.MaxRoomLength)
	if err != nil {
		return err
	}
	clientID, err := pathName(c, "clientId", core.MaxClientIDLength)
	if err != nil {
		return err
	}
	identity := identityOf(c)
	if identity.Expired(time.Now()) {
		return errEnded()
	}
	room, release, ok := s.hub.RoomIfOpen(name)
	if !ok {
		return problem(StreamNotFound, "")
	}
	defer release()
	t := feedOf(room).tenureOf(clientID)
	if t == nil {
		return problem(StreamNotFound, "")
	}
	if err := t.renew(identity); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// errEnded refuses an identity that is accepted because clocks differ, where it would have to last.
func errEnded() *Problem { return unauthenticated("the token has expired", true) }

// tenureOf returns that of a client's stream, and nil when the client has none.
func (f *roomFeed) tenureOf(clientID string) *tenure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clients[clientID].tenure
}

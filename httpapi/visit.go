package httpapi

import (
	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

// visit is a reader in all the rooms of its stream.
type visit struct {
	clientID string // "" if the reader has not named itself
	stays    []stay
}

// stay is a reader in one room.
type stay struct {
	room   *core.Room
	feed   *roomFeed
	number int  // of the stream, in the room's presence
	shown  bool // the stream keeps its client present
	end    func()
}

// visit enters a reader into all of some rooms, or into none.
func (s *Server) visit(c echo.Context, rooms []string, visitor core.Visitor) (v visit, err error) {
	v = visit{clientID: visitor.ClientID, stays: make([]stay, 0, len(rooms))}
	for _, name := range rooms {
		visitor.Hidden = !identityOf(c).Allows(core.ToBePresent, name)
		one, err := s.stay(c, name, visitor)
		if err != nil {
			v.end()
			if len(rooms) > 1 {
				err = &roomsError{err, []string{name}}
			}
			return visit{}, err
		}
		v.stays = append(v.stays, one)
	}
	return v, nil
}

// stay opens a room for a reader, and notes its presence there if it has named itself.
func (s *Server) stay(c echo.Context, name string, visitor core.Visitor) (stay, error) {
	room, release, err := s.roomNamed(c, name)
	if err != nil {
		return stay{}, err
	}
	one := stay{room: room, feed: feedOf(room), end: release}
	if visitor.ClientID == "" {
		return one, nil
	}
	if one.number, err = room.Attend(c.Request().Context(), visitor); err != nil {
		release()
		return stay{}, err
	}
	one.shown = !visitor.Hidden
	one.end = func() {
		room.Depart(visitor.ClientID, one.number)
		release()
	}
	return one, nil
}

// end ends the reader's presence in all rooms, and lets go of them.
func (v visit) end() {
	for _, one := range v.stays {
		one.end()
	}
}

// enter makes a stream the one that its client has in all of the rooms, for as long as the identity lasts.
func (v visit) enter(stream *sse.Stream, identity core.Identity) *tenure {
	reads, shown := make([]string, 0, len(v.stays)), []string(nil)
	for _, one := range v.stays {
		reads = append(reads, one.feed.room)
		if one.shown {
			shown = append(shown, one.feed.room)
		}
	}
	t := newTenure(stream, identity, reads, shown)
	for _, one := range v.stays {
		one.feed.enter(v.clientID, clientStream{one.number, stream, t})
	}
	return t
}

// exit forgets a stream that has ended.
func (v visit) exit(stream *sse.Stream) {
	for _, one := range v.stays {
		one.feed.exit(v.clientID, stream)
	}
}

// clientStream is the stream of a client that has named itself, with its number in the room's presence.
type clientStream struct {
	number int
	stream *sse.Stream
	tenure *tenure
}

// enter leaves a client with one stream in this room, the newest: an older one is told, and ended. Which is the newest is
// decided by the number, so that of several that are opened at once it is the one that presence counts on.
func (f *roomFeed) enter(clientID string, newest clientStream) {
	if clientID == "" {
		return
	}
	f.mu.Lock()
	older := f.clients[clientID]
	if older.number > newest.number {
		older, newest = newest, older
	}
	f.clients[clientID] = newest
	f.mu.Unlock()
	if older.stream != nil {
		p := problem(StreamReplaced, "")
		p.Rooms = older.tenure.among([]string{f.room})
		older.stream.End(frame("problem", p.json()))
	}
}

// exit forgets a stream, if it is still its client's.
func (f *roomFeed) exit(clientID string, stream *sse.Stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clients[clientID].stream == stream {
		delete(f.clients, clientID)
	}
}

package httpapi

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
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

// visit enters a reader into all of some rooms, or into none. It is somewhere in each of them already, if the history is
// still the same.
func (s *Server) visit(c echo.Context, rooms []string, visitor core.Connection, from positions) (v visit, err error) {
	err = s.inOneHistory(c, func() (err error) {
		v, err = s.visitOnce(c, rooms, visitor, from)
		return err
	})
	return v, err
}

func (s *Server) visitOnce(c echo.Context, rooms []string, visitor core.Connection, from positions) (v visit, err error) {
	v = visit{clientID: visitor.ClientID, stays: make([]stay, 0, len(rooms))}
	defer func() {
		if err != nil {
			v.end()
		}
	}()
	for i, name := range rooms {
		room, release, err := s.roomNamed(c, name)
		if err != nil {
			return v, among(rooms, name, err)
		}
		if err := reached(c, room, eventID{from.epoch, from.seqs[i]}); err != nil {
			release()
			return v, err
		}
		if i > 0 && room.Epoch() != v.epoch() { // it has changed since the first was opened
			release()
			return v, core.ErrHistoryChanged
		}
		v.stays = append(v.stays, stay{room: room, feed: feedOf(room), end: release})
	}
	if v.clientID == "" {
		return v, nil
	}
	if len(rooms) > 1 {
		end, err := s.turns.take(c.Request().Context(), v.clientID)
		if err != nil {
			return v, err
		}
		defer end()
	}
	for i, name := range rooms {
		visitor.Hidden = !identityOf(c).Allows(access.Presence, name)
		if err := v.stays[i].attend(c.Request().Context(), visitor); err != nil {
			return v, among(rooms, name, err)
		}
	}
	return v, nil
}

// epoch is the history of all rooms.
func (v visit) epoch() string { return v.stays[0].room.Epoch() }

// among is an error in one of the rooms of a request. Who asks for a single one knows which it is.
func among(rooms []string, name string, err error) error {
	if len(rooms) == 1 {
		return err
	}
	return &roomsError{err, []string{name}}
}

// attend notes a client's presence in the room.
func (s *stay) attend(ctx context.Context, visitor core.Connection) error {
	number, err := s.room.Connect(ctx, visitor)
	if err != nil {
		return err
	}
	room, release := s.room, s.end
	s.number, s.shown = number, !visitor.Hidden
	s.end = func() {
		room.Disconnect(visitor.ClientID, number)
		release()
	}
	return nil
}

// end ends the reader's presence in all rooms, and lets go of them.
func (v visit) end() {
	for _, one := range v.stays {
		one.end()
	}
}

// enter makes a stream the one that its client has in all of the rooms, for as long as the identity lasts.
func (v visit) enter(stream *sse.Stream, identity access.Identity) *tenure {
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

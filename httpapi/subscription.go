package httpapi

import (
	"context"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/sse"
)

// subscription is a reader's connections to the rooms of its stream, all in one history.
type subscription struct {
	clientID string // "": anonymous
	rooms    []connection
}

// connection is a reader's connection to one room.
type connection struct {
	room    *core.Room
	release func() // of the room
	number  int    // from core.Room.Connect; 0: the client is not connected
	visible bool   // the client is in the presence list
}

func (c *connection) feed() *feed.Room { return feed.Of(c.room) }

// connect connects a reader to all of some rooms, or to none. from are the reader's positions, if it resumes.
func (s *Server) connect(r *request, rooms []string, reader core.Connection, from wire.Positions) (sub subscription, err error) {
	err = s.inOneHistory(r.Context(), func() (err error) {
		sub, err = s.tryConnect(r, rooms, reader, from)
		return err
	})
	return sub, err
}

// tryConnect fails with core.ErrHistoryChanged when the history changes during the call.
func (s *Server) tryConnect(r *request, rooms []string, reader core.Connection, from wire.Positions) (sub subscription, err error) {
	sub = subscription{clientID: reader.ClientID, rooms: make([]connection, 0, len(rooms))}
	defer func() {
		if err != nil {
			sub.disconnect()
		}
	}()
	for i, name := range rooms {
		room, release, err := s.roomNamed(r, name)
		if err != nil {
			return sub, nameRoom(err, rooms, name)
		}
		if err := checkHistory(r.Context(), room, wire.EventID{Epoch: from.Epoch, Seq: from.Seqs[i]}); err != nil {
			release()
			return sub, err
		}
		if i > 0 && room.Epoch() != sub.epoch() {
			release()
			return sub, core.ErrHistoryChanged
		}
		sub.rooms = append(sub.rooms, connection{room: room, release: release})
	}
	if sub.clientID == "" {
		return sub, nil
	}
	if len(rooms) > 1 {
		unlock, err := s.connecting.lock(r.Context(), sub.clientID)
		if err != nil {
			return sub, err
		}
		defer unlock()
	}
	for i, name := range rooms {
		reader.Hidden = !r.identity.Allows(access.Presence, name)
		if err := sub.rooms[i].connect(r.Context(), reader); err != nil {
			return sub, nameRoom(err, rooms, name)
		}
	}
	return sub, nil
}

// epoch returns the epoch of all rooms.
func (sub subscription) epoch() string { return sub.rooms[0].room.Epoch() }

// nameRoom adds the room of an error, if the request has several rooms.
func nameRoom(err error, rooms []string, name string) error {
	if len(rooms) == 1 {
		return err
	}
	return problem.InRooms(err, name)
}

// connect connects the client to the presence of the room.
func (c *connection) connect(ctx context.Context, reader core.Connection) error {
	number, err := c.room.Connect(ctx, reader)
	if err != nil {
		return err
	}
	c.number, c.visible = number, !reader.Hidden
	return nil
}

// disconnect ends all connections and releases the rooms.
func (sub subscription) disconnect() {
	for _, c := range sub.rooms {
		if c.number > 0 {
			c.room.Disconnect(sub.clientID, c.number)
		}
		c.release()
	}
}

// register makes a stream the current one of its client in all rooms, until the identity expires.
func (sub subscription) register(stream *sse.Stream, identity access.Identity) *feed.Expiry {
	rooms, visible := make([]string, 0, len(sub.rooms)), []string(nil)
	for _, c := range sub.rooms {
		rooms = append(rooms, c.room.Name())
		if c.visible {
			visible = append(visible, c.room.Name())
		}
	}
	expiry := feed.NewExpiry(stream, identity, rooms, visible)
	for _, c := range sub.rooms {
		c.feed().Connect(sub.clientID, feed.Client{Number: c.number, Stream: stream, Expiry: expiry})
	}
	return expiry
}

// unregister removes a stream that has ended.
func (sub subscription) unregister(stream *sse.Stream) {
	for _, c := range sub.rooms {
		c.feed().Disconnect(sub.clientID, stream)
	}
}

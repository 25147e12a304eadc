package httpapi

import (
	"math/rand/v2"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/sse"
)

// getEvents opens a stream of the room in the path.
func (s *Server) getEvents(w *response, r *request) error {
	room, err := r.roomName()
	if err != nil {
		return err
	}
	return s.openStream(w, r, room)
}

// getEventsOfRooms opens a stream of the rooms in the query.
func (s *Server) getEventsOfRooms(w *response, r *request) error {
	rooms, err := roomsInQuery(r)
	if err != nil {
		return err
	}
	return s.openStream(w, r, rooms...)
}

// openStream turns the response into a stream: first what the reader misses of some rooms, then all their events.
func (s *Server) openStream(w *response, r *request, rooms ...string) error {
	if err := r.checkQuery(problem.InvalidName); err != nil {
		return err
	}
	clientID, err := r.queryName("clientId", core.CheckName, core.MaxClientIDLength)
	if err != nil {
		return err
	}
	displayName, err := r.queryName("displayName", core.CheckText, core.MaxDisplayNameLength)
	if err != nil {
		return err
	}
	from, err := resumePositions(r, len(rooms))
	if err != nil {
		return err
	}
	identity := r.identity
	if identity.Expired(time.Now()) {
		return errExpired()
	}
	if err := s.limits.CountRooms(&r.sender, len(rooms)); err != nil {
		return err
	}
	release, err := s.limits.OpenStream(&r.sender)
	if err != nil {
		return err
	}
	sub, err := s.connect(r, rooms, core.Connection{ClientID: clientID, UserID: identity.User, DisplayName: displayName}, from)
	if err != nil {
		release()
		return err
	}
	if from.Epoch != sub.epoch() {
		from = wire.NewPositions(sub.epoch(), len(rooms))
	}
	sources := make([]sse.Source, len(sub.rooms))
	for i, in := range sub.rooms {
		reader := feed.Reader{From: from.Seqs[i], ReadOnly: isReadOnly(r, in.room.Name())}
		if len(rooms) == 1 {
			reader.Presence = r.query.Get("presenceVersion")
		}
		sources[i], from.Seqs[i] = in.feed().CatchUp(r.Context(), in.room, reader)
	}
	stream, err := s.feeds.Open(w, r.Request)
	if err != nil {
		sub.disconnect()
		release()
		return err
	}
	ended := w.becomes(stream)
	expiry := sub.register(stream, identity)
	onEnd := func(cause error) {
		expiry.Stop()
		sub.unregister(stream)
		sub.disconnect()
		release()
		ended(cause)
	}
	if len(sources) == 1 {
		only := sources[0]
		stream.SendLater(only.Later)
		stream.Start(append(sse.Plain(preamble()), only.Prelude...), only.Feed, only.From, onEnd)
		return nil
	}
	stream.StartMux(sse.Plain(preamble()), sources, from.Advance, onEnd)
	return nil
}

// resumePositions returns the positions from which the reader resumes. Without an event id they have no epoch.
func resumePositions(r *request, rooms int) (from wire.Positions, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.query.Get("last_event_id")
	}
	if text == "" {
		return wire.NewPositions("", rooms), nil
	}
	if from, err = wire.ParsePositions(text, rooms); err != nil {
		return wire.Positions{}, problem.New(problem.InvalidEventID, err.Error())
	}
	return from, nil
}

// Each stream gets a random `retry` in this range, so that not all readers reconnect at once.
const (
	minRetry = 1 * time.Second
	maxRetry = 3 * time.Second
)

// preamble returns the beginning of every stream: a comment, so that data flows at once, and `retry`.
func preamble() []byte {
	return sse.AppendRetry(sse.AppendComment(nil, "pathsync"), minRetry+rand.N(maxRetry-minRetry))
}

package httpapi

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

// getEvents starts a stream of the room that the address names.
func (s *Server) getEvents(c echo.Context) error {
	room, err := pathName(c, "room", core.MaxRoomLength)
	if err != nil {
		return err
	}
	return s.stream(c, room)
}

// getEventsOfRooms starts a stream of the rooms that the query names.
func (s *Server) getEventsOfRooms(c echo.Context) error {
	rooms, err := queryRooms(c)
	if err != nil {
		return err
	}
	return s.stream(c, rooms...)
}

// stream answers with what the reader misses of some rooms, and from then on everything that happens in them.
func (s *Server) stream(c echo.Context, rooms ...string) error {
	if err := checkQuery(c, InvalidName); err != nil {
		return err
	}
	clientID, err := queryName(c, "clientId", core.CheckName, core.MaxClientIDLength)
	if err != nil {
		return err
	}
	displayName, err := queryName(c, "displayName", core.CheckText, core.MaxDisplayNameLength)
	if err != nil {
		return err
	}
	from, err := resumption(c, len(rooms))
	if err != nil {
		return err
	}
	identity := identityOf(c)
	if identity.Expired(time.Now()) {
		return errEnded()
	}
	if err := s.limits.rooms(c.Request(), len(rooms)); err != nil {
		return err
	}
	leave, err := s.limits.stream(c.Request())
	if err != nil {
		return err
	}
	v, err := s.visit(c, rooms, core.Connection{ClientID: clientID, UserID: identity.User, DisplayName: displayName}, from)
	if err != nil {
		leave()
		return err
	}
	if from.epoch != v.epoch() {
		from = startAnew(v.epoch(), len(rooms))
	}
	sources := make([]sse.Source, len(v.stays))
	for i, stay := range v.stays {
		sources[i], from.seqs[i] = stay.feed.begin(c.Request().Context(), stay.room, from.seqs[i], readOnly(c, stay.feed.room))
	}
	stream, err := s.feeds.streams.Open(c.Response().Writer, c.Request())
	if err != nil {
		v.end()
		leave()
		return err
	}
	// The answer is the stream's business from here on.
	c.Response().Committed = true
	ended := exchangeOf(c.Response()).streaming(stream)
	tenure := v.enter(stream, identity)
	onEnd := func(cause error) {
		tenure.stop()
		v.exit(stream)
		v.end()
		leave()
		ended(cause)
	}
	if len(sources) == 1 {
		only := sources[0]
		stream.Start(append(sse.Plain(hello()), only.Prelude...), only.Feed, only.From, onEnd)
		return nil
	}
	stream.StartMux(sse.Plain(hello()), sources, from.reach, onEnd)
	return nil
}

// resumption is where the reader wants to go on. Without an event id it has no epoch.
func resumption(c echo.Context, rooms int) (from positions, err error) {
	text := c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		text = c.QueryParam("last_event_id")
	}
	if text == "" {
		return startAnew("", rooms), nil
	}
	if from, err = parsePositions(text, rooms); err != nil {
		return positions{}, problem(InvalidEventID, err.Error())
	}
	return from, nil
}

// Within this the readers of a stream that broke come back: their `retry` is somewhere in it.
const (
	minRetry = 1 * time.Second
	maxRetry = 3 * time.Second
)

// hello is what every stream begins with: something at once, and when to come back.
func hello() []byte {
	return sse.AppendRetry(sse.AppendComment(nil, "pathsync"), minRetry+rand.N(maxRetry-minRetry))
}

// begin returns what a new stream is sent first of a room, and where in the feed it goes on. It takes the cheapest source
// that still has the reader's position: the feed, then the log, then the whole state. It also returns the position that
// the reader has until then: nowhere when it is to begin anew. readOnly: the reader may not write in the room.
func (f *roomFeed) begin(ctx context.Context, room *core.Room, from int64, readOnly bool) (source sse.Source, has int64) {
	resumes := from != nowhere && f.reaches(ctx, room, from)
	source.Feed = f.Feed
	var users *core.UserList
	var id eventID
	room.View(func(v core.View) {
		id = f.eventID(v.Seq())
		if resumes {
			source.Prelude = f.missed(room, from, v.Seq())
		} else {
			source.Prelude = f.wholeState(room, v)
			from = nowhere
		}
		users = v.Users(appendUser)
		source.From = f.End()
	})
	source.Prelude = append(source.Prelude, f.upToDate(users, id, readOnly)...)
	return source, from
}

// upToDate is what ends the beginning of a stream: who is present, whether the reader may write, and the reader's position. A
// long list of users is read while it is sent.
func (f *roomFeed) upToDate(users *core.UserList, id eventID, readOnly bool) []sse.Piece {
	end := appendFrame(nil, id.String(), "up-to-date", appendUpToDate(nil, f.room, id))
	presence := presenceHead(nil, f.room, readOnly)
	text := users.Next()
	if users.Done() && len(text) <= maxInline {
		data := append(append(presence, bytes.TrimPrefix(text, []byte(","))...), presenceTail...)
		return sse.Plain(append(frame("presence", data), end...))
	}
	head := append([]byte("event: presence\ndata: "), presence...)
	parts := listParts{head: head, text: text, users: users, tail: []byte(presenceTail + "\n\n")}
	return append([]sse.Piece{sse.Parts(func() ([]byte, error) { return parts.next(), nil })}, sse.Plain(end)...)
}

// maxInline is how large what all readers share may be to be copied for one, so that it goes out with what is around it.
const maxInline = 8 << 10

// missed is the batches after a serverSeq and up to another, which are read from the feed or the log while they are sent.
func (f *roomFeed) missed(room *core.Room, after, through int64) []sse.Piece {
	if after == through {
		return nil
	}
	return []sse.Piece{sse.Frames(func() ([]byte, error) {
		if after == through {
			return nil, nil
		}
		frames, last, err := f.run(f.feeds.pages.life, room, after, through)
		after = last
		return frames, err
	})}
}

// reaches reports whether the batches after a serverSeq can be had, and are not more than the whole state.
func (f *roomFeed) reaches(ctx context.Context, room *core.Room, seq int64) bool {
	total, limit := 0, -1
	for {
		if _, ok := f.After(seq); ok {
			return true
		}
		if seq > f.LastSeq() {
			return false
		}
		if limit < 0 {
			limit = max(f.stateSize(room), catchUpBytes)
		}
		frames, last, err := f.feeds.pages.between(ctx, room, seq, f.LastSeq())
		if total += len(frames); err != nil || total > limit {
			return false // the whole state is in memory, also while the database is away
		}
		seq = last
	}
}

// catchUpBytes is how much of the log is always read rather than sending the whole state.
const catchUpBytes = 1 << 20

func (f *roomFeed) stateSize(room *core.Room) (size int) {
	room.View(func(v core.View) { size = v.Size() })
	return size
}

// wholeState is the documents of a room, framed.
type wholeState struct {
	seq    int64
	text   []byte
	frames sse.Piece // of text
	framed bool
}

// wholeState returns pieces that bring a reader who has nothing to the present: the documents, and possibly what has
// happened since they were framed. They are framed anew only when that has become more than the documents, so that
// many joiners of a busy room cost no more than a few. The room's lock is held.
func (f *roomFeed) wholeState(room *core.Room, v core.View) []sse.Piece {
	if f.whole.framed {
		if since, ok := f.After(f.whole.seq); ok && int(f.End()-since) <= f.whole.frames.Len() {
			return append([]sse.Piece{f.whole.frames}, f.missed(room, f.whole.seq, v.Seq())...)
		}
	}
	frames := make([]byte, 0, v.Size()+v.Size()/8)
	for _, key := range v.Keys() {
		state, seq, _ := v.Document(key)
		f.data = appendState(f.data[:0], f.room, key, seq, state)
		frames = appendFrame(frames, "", "state", f.data)
	}
	f.trim()
	f.feeds.retained.Dropped(f.whole.text)
	f.whole = wholeState{v.Seq(), frames, sse.Compressible(frames), true}
	return []sse.Piece{f.whole.frames}
}

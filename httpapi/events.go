package httpapi

import (
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
	from, err := s.resumption(c, len(rooms))
	if err != nil {
		return err
	}
	identity := identityOf(c)
	if identity.Ended(time.Now()) {
		return errEnded()
	}
	if err := s.limits.rooms(c.Request(), len(rooms)); err != nil {
		return err
	}
	leave, err := s.limits.stream(c.Request())
	if err != nil {
		return err
	}
	v, err := s.visit(c, rooms, core.Visitor{ClientID: clientID, UserID: identity.User, DisplayName: displayName})
	if err != nil {
		leave()
		return err
	}
	sources := make([]sse.Source, len(v.stays))
	for i, stay := range v.stays {
		sources[i], from.seqs[i] = stay.feed.begin(c.Request().Context(), stay.room, from.seqs[i])
	}
	stream, err := s.cfg.Feeds.streams.Open(c.Response().Writer, c.Request())
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
	stream.StartMerged(sse.Plain(hello()), sources, from.reach, onEnd)
	return nil
}

// resumption is where the reader wants to go on.
func (s *Server) resumption(c echo.Context, rooms int) (from positions, err error) {
	text := c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		text = c.QueryParam("last_event_id")
	}
	anew := startAnew(s.cfg.Hub.Epoch(), rooms)
	if text == "" {
		return anew, nil
	}
	if from, err = parsePositions(text, rooms); err != nil {
		return positions{}, problem(InvalidEventID, err.Error())
	}
	if from.epoch != anew.epoch {
		return anew, nil
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
// the reader has until then: nowhere when it is to begin anew.
func (f *roomFeed) begin(ctx context.Context, room *core.Room, from int64) (source sse.Source, has int64) {
	var missed [][]byte // frames from the log, up to where the feed begins
	resumes, reached := from != nowhere, int64(0)
	if resumes {
		missed, reached, resumes = f.fromLog(ctx, room, from)
	}
	source.Feed = f.Feed
	room.View(func(v core.View) {
		pieces, ok := f.since(reached)
		if resumes && ok {
			source.Prelude = sse.Plain(append(missed, pieces...)...)
		} else {
			source.Prelude = f.wholeState(v)
			from = nowhere
		}
		source.Prelude = append(source.Prelude, sse.Plain(f.upToDate(v))...)
		source.From = f.End()
	})
	return source, from
}

// since returns the frames after the event with a seq, if the feed has them all.
func (f *roomFeed) since(seq int64) (pieces [][]byte, ok bool) {
	position, ok := f.After(seq)
	if !ok {
		return nil, false
	}
	pieces, _, ok = f.Frames(position)
	return pieces, ok
}

// upToDate frames what ends the beginning of a stream: who is present, and how far the reader now is.
func (f *roomFeed) upToDate(v core.View) []byte {
	dst := appendFrame(nil, "", "presence", appendRoomUsers(nil, f.room, v.Users()))
	id := f.eventID(v.Seq())
	return appendFrame(dst, id.String(), "up-to-date", appendUpToDate(nil, f.room, id))
}

// fromLog frames the batches after a seq, up to one after which the feed has everything, and returns the seq of the
// last. ok is false when that cannot be had, or when it is more than the whole state.
func (f *roomFeed) fromLog(ctx context.Context, room *core.Room, seq int64) (frames [][]byte, last int64, ok bool) {
	bytes, limit := 0, max(f.stateSize(room), catchUpBytes)
	for {
		if _, ok := f.After(seq); ok {
			return frames, seq, true
		}
		if seq > f.LastSeq() || bytes > limit {
			return nil, 0, false
		}
		told := f.LastSeq() // the log can be ahead of the feed for a moment
		page, err := room.Log(ctx, seq, core.Page{Batches: maxChanges, Bytes: catchUpBytes})
		if err != nil || len(page) == 0 || page[0].ServerSeq != seq+1 {
			return nil, 0, false // the whole state is in memory, also while the database is away
		}
		var text []byte
		for _, b := range page {
			if b.ServerSeq > told {
				break
			}
			seq = b.ServerSeq
			id := f.eventID(b.ServerSeq).String()
			text = appendFrame(text, id, "delta", appendDelta(nil, b))
		}
		frames = append(frames, text)
		bytes += len(text)
	}
}

// catchUpBytes is how much of the log is always read rather than sending the whole state, and also the size of a page.
const catchUpBytes = 1 << 20

func (f *roomFeed) stateSize(room *core.Room) (bytes int) {
	room.View(func(v core.View) { bytes = v.Size() })
	return bytes
}

// wholeState is the documents of a room, framed.
type wholeState struct {
	seq    int64
	frames sse.Piece
	framed bool
}

// wholeState returns frames that bring a reader who has nothing to the present: the documents, and possibly what has
// happened since they were framed. They are framed anew only when that has become more than the documents, so that
// many joiners of a busy room cost no more than a few. The room's lock is held.
func (f *roomFeed) wholeState(v core.View) []sse.Piece {
	if f.whole.framed {
		if since, ok := f.since(f.whole.seq); ok && total(since) <= f.whole.frames.Len() {
			return append([]sse.Piece{f.whole.frames}, sse.Plain(since...)...)
		}
	}
	frames := make([]byte, 0, v.Size()+v.Size()/8)
	for _, key := range v.Keys() {
		state, seq, _ := v.Document(key)
		f.data = appendState(f.data[:0], f.room, key, seq, state)
		frames = appendFrame(frames, "", "state", f.data)
	}
	f.trim()
	f.whole = wholeState{v.Seq(), sse.Packable(frames), true}
	return []sse.Piece{f.whole.frames}
}

func total(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}

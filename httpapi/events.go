package httpapi

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

// getEvents starts a stream: what the reader misses, and from then on everything that happens in the room.
func (s *Server) getEvents(c echo.Context) error {
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
	from, err := resumption(c)
	if err != nil {
		return err
	}
	identity := identityOf(c)
	if identity.Ended(time.Now()) {
		return errEnded()
	}
	leave, err := s.limits.stream(c.Request())
	if err != nil {
		return err
	}
	room, release, err := s.room(c)
	if err != nil {
		leave()
		return err
	}
	visitor := core.Visitor{
		ClientID: clientID, UserID: identity.User, DisplayName: displayName,
		Hidden: !identity.Allows(core.ToBePresent, room.Name()),
	}
	number, end, err := attend(c.Request().Context(), room, visitor, func() { release(); leave() })
	if err != nil {
		return err
	}
	feed := feedOf(room)
	prelude, position := feed.begin(c.Request().Context(), room, from)
	stream, err := s.cfg.Feeds.streams.Open(c.Response().Writer, c.Request())
	if err != nil {
		end()
		return err
	}
	// The answer is the stream's business from here on.
	c.Response().Committed = true
	ended := exchangeOf(c.Response()).streaming(stream)
	tenure := newTenure(stream, identity, clientID != "" && !visitor.Hidden)
	feed.enter(clientID, clientStream{number, stream, tenure})
	stream.Start(prelude, feed.Feed, position, func(cause error) {
		tenure.stop()
		feed.exit(clientID, stream)
		end()
		ended(cause)
	})
	return nil
}

// attend notes a reader's presence, if it has named itself, and returns the number that its stream has there. The
// function returned ends it and lets go of the room.
func attend(ctx context.Context, room *core.Room, v core.Visitor, release func()) (number int, end func(), err error) {
	if v.ClientID == "" {
		return 0, release, nil
	}
	if number, err = room.Attend(ctx, v); err != nil {
		release()
		return 0, nil, err
	}
	return number, sync.OnceFunc(func() {
		room.Depart(v.ClientID, number)
		release()
	}), nil
}

// resumption is the event id after which the reader wants to go on, and nil when it has none.
func resumption(c echo.Context) (from *eventID, err error) {
	text := c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		text = c.QueryParam("last_event_id")
	}
	if text == "" {
		return nil, nil
	}
	id, err := parseEventID(text)
	if err != nil {
		return nil, problem(InvalidEventID, err.Error())
	}
	return &id, nil
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

// begin returns what a new stream is sent first, and where in the feed it goes on. It takes the cheapest source that
// still has the reader's position: the feed, then the log, then the whole state.
func (f *roomFeed) begin(ctx context.Context, room *core.Room, from *eventID) (prelude [][]byte, position sse.Position) {
	prelude = [][]byte{hello()}

	var missed [][]byte // frames from the log, up to where the feed begins
	resumes := from != nil && from.epoch == f.feeds.cfg.Epoch
	reached := int64(0)
	if resumes {
		missed, reached, resumes = f.fromLog(ctx, room, from.seq)
	}
	room.View(func(v core.View) {
		pieces, ok := f.since(reached)
		if resumes && ok {
			prelude = append(prelude, missed...)
		} else {
			pieces = f.wholeState(v)
		}
		prelude = append(prelude, pieces...)
		prelude = append(prelude, f.upToDate(v))
		position = f.End()
	})
	return prelude, position
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
	frames []byte // nil: not framed yet
}

// wholeState returns frames that bring a reader who has nothing to the present: the documents, and possibly what has
// happened since they were framed. They are framed anew only when that has become more than the documents, so that
// many joiners of a busy room cost no more than a few. The room's lock is held.
func (f *roomFeed) wholeState(v core.View) [][]byte {
	if f.whole.frames != nil {
		if since, ok := f.since(f.whole.seq); ok && total(since) <= len(f.whole.frames) {
			return append([][]byte{f.whole.frames}, since...)
		}
	}
	frames := make([]byte, 0, v.Size()+v.Size()/8)
	for _, key := range v.Keys() {
		state, seq, _ := v.Document(key)
		f.data = appendState(f.data[:0], f.room, key, seq, state)
		frames = appendFrame(frames, "", "state", f.data)
	}
	f.trim()
	f.whole = wholeState{v.Seq(), frames}
	return [][]byte{frames}
}

func total(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
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
		older.stream.End(frame("problem", problem(StreamReplaced, "").json()))
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

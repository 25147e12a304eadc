package feed

import (
	"context"
	"sync"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/retained"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/sse"
)

// Reader is what a reader has of a room, and may do.
type Reader struct {
	From     int64  // its position; wire.Nowhere: none
	Presence string // version of its presence list; "": none
	ReadOnly bool   // it has no write permission
}

// CatchUp returns what a new stream sends of a room first, and where in the feed it continues. It uses the cheapest source
// that has the reader's position: the feed, then the log, then the full state. has is the position that the reader has
// until then: its own, or wire.Nowhere when it gets the full state. The caller must start a stream with source.Later.
func (f *Room) CatchUp(ctx context.Context, room *core.Room, reader Reader) (source sse.Source, has int64) {
	if reader.From != wire.Nowhere && !f.reaches(ctx, room, reader.From) {
		reader.From = wire.Nowhere
	}
	source.Feed = f.Feed
	var full *fullState
	var present presenceUpdate
	var id wire.EventID
	room.View(func(v core.View) {
		id = f.eventID(v.Seq())
		if reader.From == wire.Nowhere {
			full = f.fullState(v)
		}
		if present = f.presenceFor(v, reader); present.users != nil && !v.ListAtOnce() {
			present, source.Later = presenceUpdate{}, f.presenceLater(room, reader)
		}
		source.From = f.End()
	})
	after := reader.From
	if full != nil {
		source.Prelude, after = []sse.Piece{full.frames()}, full.seq
	}
	source.Prelude = append(source.Prelude, f.missed(room, after, id.Seq)...)
	end := appendFrame(nil, id.String(), "up-to-date", wire.AppendUpToDate(nil, f.room, id, reader.ReadOnly))
	source.Prelude = append(source.Prelude, present.before(end)...)
	return source, reader.From
}

// maxInline is the maximum size of shared data that is copied for one reader, so that it is sent in one write with the
// data around it.
const maxInline = 8 << 10

// missed returns the batches after one serverSeq up to another. They are read from the feed or the log while they are sent.
func (f *Room) missed(room *core.Room, after, through int64) []sse.Piece {
	if after == through {
		return nil
	}
	return []sse.Piece{sse.Frames(func() ([]byte, error) {
		if after == through {
			return nil, nil
		}
		frames, last, err := f.run(f.set.pages.life, room, after, through)
		after = last
		return frames, err
	})}
}

// run returns frames of batches after one serverSeq, at most up to another, and the serverSeq of the last: from the feed,
// or else from the log. The frames are one chunk that all readers share; the caller should release it before the next run.
// through must be in the feed, because the log may be ahead of it. run fails with problem.PositionGone when the log does
// not have the first batch.
func (f *Room) run(ctx context.Context, room *core.Room, after, through int64) (frames []byte, last int64, err error) {
	if frames, last, ok := f.Run(after, through); ok && last > after {
		return frames, last, nil
	}
	return f.set.pages.between(ctx, room, after, through)
}

// reaches reports whether the batches after a serverSeq are available and smaller than the full state.
func (f *Room) reaches(ctx context.Context, room *core.Room, seq int64) bool {
	total, limit := 0, -1
	for {
		if _, ok := f.After(seq); ok {
			return true
		}
		if seq > f.LastSeq() {
			return false
		}
		if limit < 0 {
			limit = max(stateSize(room), catchUpBytes)
		}
		frames, last, err := f.set.pages.between(ctx, room, seq, f.LastSeq())
		if total += len(frames); err != nil || total > limit {
			return false // the full state is in memory, also during an outage of the database
		}
		seq = last
	}
}

// catchUpBytes is the size of log up to which a reader gets the log and not the full state, however small that is.
const catchUpBytes = 1 << 20

func stateSize(room *core.Room) (size int) {
	room.View(func(v core.View) { size = v.Size() })
	return size
}

// fullState is the framed documents of a room at one serverSeq.
type fullState struct {
	seq    int64
	size   int // of the frames, about
	text   *retained.Text
	frames func() sse.Piece // of text; the first reader that calls it frames the documents
}

// frameOverhead is about what a frame adds to a document and the names of the room and its key, in bytes.
const frameOverhead = 96

// fullState returns the state that brings a reader without state to the present, with the batches since then. The documents
// are framed again only when these batches are larger than the documents, so many joiners of a busy room share a few
// framings. The caller holds the room's lock, and calls frames after it has released it.
func (f *Room) fullState(v core.View) *fullState {
	if f.full != nil {
		if since, ok := f.After(f.full.seq); ok && int(f.End()-since) <= f.full.size {
			return f.full
		}
		f.full.text.Drop(f.set.retained.Dropped)
	}
	documents := v.Documents()
	size := v.Size()
	for i := range documents {
		size += len(documents[i].Key) + len(f.room) + frameOverhead
	}
	text := retained.NewText(func() []byte { return f.frameDocuments(documents, size) })
	f.full = &fullState{v.Seq(), size, text, sync.OnceValue(func() sse.Piece { return sse.Compressible(text.Bytes()) })}
	return f.full
}

func (f *Room) frameDocuments(documents []core.Version, size int) []byte {
	frames := make([]byte, 0, size)
	var data []byte
	for _, d := range documents {
		data = wire.AppendState(data[:0], f.room, d.Key, d.ServerSeq, d.JSON.Bytes())
		frames = appendFrame(frames, "", "state", data)
	}
	return frames
}

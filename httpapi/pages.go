package httpapi

import (
	"bufio"
	"context"
	"io"
	"runtime"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

const (
	// pageSize has the readers who are far behind ask for the same addresses: pages end where serverSeq is a multiple of it,
	// wherever a reader has begun.
	pageSize = 100

	maxChanges      = 1000    // batches in one answer
	maxChangesBytes = 1 << 20 // of deltas in one answer, unless the first alone is larger
)

// getRange answers with the batches of a closed range. The answer is the same bytes whenever and whoever is asked, so it
// may be kept for ever, and it must not say anything that can change: not even whether the room has gone on since.
func (s *Server) getRange(c echo.Context, room *core.Room, after, until eventID) error {
	feed := feedOf(room)
	if until.seq > feed.LastSeq() {
		return problem(NotYet, "")
	}
	deltas, err := feed.deltas(c.Request().Context(), room, after.seq, until.seq)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	tag := `"` + after.String() + ":" + until.String() + `"`
	h.Set("ETag", tag)
	s.keepForever(h, room.Name())
	if matches(c, tag) {
		return notModified(c)
	}
	return changesPage{room: room.Name(), next: eventID{after.epoch, deltas.last()}, deltas: deltas, cursor: noCursor}.answer(c)
}

// deltas are batches that follow on each other, as JSON. Only their number and length is in memory: they are read once to
// find out where the answer ends, and again while it is sent, so that a client who does not take it holds one run of frames.
type deltas struct {
	feed  *roomFeed
	room  *core.Room
	after int64
	extent
	aligned extent // of those up to the last end of a page; none when no page ends among them
}

// extent is how much some deltas are.
type extent struct {
	count int
	bytes int // without the commas between them
}

// deltas returns the batches after a serverSeq and up to another. The answer ends before the last batch when it would be too
// large. Where it ends depends on the batches alone, and not on where they were read.
func (f *roomFeed) deltas(ctx context.Context, room *core.Room, after, through int64) (*deltas, error) {
	d := &deltas{feed: f, room: room, after: after}
	through = min(through, after+maxChanges)
	for last := after; last < through; {
		frames, to, err := f.run(ctx, room, last, through)
		if err != nil {
			return nil, err
		}
		for delta := range sse.Payloads(frames) {
			if d.count > 0 && d.bytes+len(delta) > maxChangesBytes {
				return d, nil
			}
			d.count++
			d.bytes += len(delta)
			if d.last()%pageSize == 0 {
				d.aligned = d.extent
			}
		}
		last = to
	}
	return d, nil
}

// last is the serverSeq of the last.
func (d *deltas) last() int64 { return d.after + int64(d.count) }

// length is how many bytes write writes.
func (d *deltas) length() int { return d.bytes + max(0, d.count-1) }

// write writes them with commas between them.
func (d *deltas) write(ctx context.Context, w io.Writer) error {
	buffered := bufio.NewWriterSize(w, min(d.length()+1, changesBuffer))
	for after, left := d.after, d.count; left > 0; {
		frames, last, err := d.feed.run(ctx, d.room, after, d.last())
		if err != nil {
			return err
		}
		for delta := range sse.Payloads(frames) {
			if left < d.count {
				_ = buffered.WriteByte(',') // an error comes again from Flush
			}
			if _, err := buffered.Write(delta); err != nil {
				return err
			}
			left--
		}
		after = last
		runtime.Gosched() // a crowd of readers should not delay writers
	}
	return buffered.Flush()
}

// changesBuffer is how much of an answer is gathered for one write.
const changesBuffer = 16 << 10

// align cuts deltas that do not reach the end of the room where a page ends, if one does. From there on, their reader asks
// for the same pages as everybody.
func (d *deltas) align() {
	if d.aligned.count > 0 {
		d.extent = d.aligned
	}
}

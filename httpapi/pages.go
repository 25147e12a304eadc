package httpapi

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
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
	deltas, last, err := feed.read(c.Request().Context(), room, after.seq, until.seq)
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
	page := changesPage{room: room.Name(), next: eventID{after.epoch, last}, deltas: deltas, cursor: noCursor}
	return whole(c, echo.MIMEApplicationJSON, page.append(nil))
}

// read returns the batches after a serverSeq and up to another as deltas, and the serverSeq of the last: from the feed's
// memory while it reaches back that far, and otherwise from the log. What it is asked for must have been told to readers
// already, lest the log gets ahead of them.
//
// The answer ends before the last batch when it would be too large. Where it ends depends on the batches alone, and not on
// where they were read.
func (f *roomFeed) read(ctx context.Context, room *core.Room, after, through int64) (deltas [][]byte, last int64, err error) {
	through = min(through, after+maxChanges)
	if deltas, last, ok := f.Payloads(after, int(through-after), maxChangesBytes); ok {
		return deltas, last, nil
	}
	return readLog(ctx, room, after, through)
}

// readLog is read from the log. A page of the log is bounded otherwise than an answer, so it may take several.
func readLog(ctx context.Context, room *core.Room, after, through int64) (deltas [][]byte, last int64, err error) {
	last = after
	for left := maxChangesBytes; last < through; {
		batches, err := room.Log(ctx, last, core.Page{Batches: int(through - last), Bytes: maxChangesBytes})
		if err != nil {
			return nil, 0, err
		}
		if len(batches) == 0 || batches[0].ServerSeq != last+1 {
			return nil, 0, problem(PositionGone, "the log does not reach back that far")
		}
		for _, b := range batches {
			delta := appendDelta(nil, b)
			if len(deltas) > 0 && len(delta) > left {
				return deltas, last, nil
			}
			deltas, last, left = append(deltas, delta), b.ServerSeq, left-len(delta)
		}
	}
	return deltas, last, nil
}

// align cuts deltas that do not reach the end of the room where a page ends, if one does. From there on, their reader asks
// for the same pages as everybody.
func align(deltas [][]byte, after, last int64) ([][]byte, int64) {
	if end := last / pageSize * pageSize; end > after {
		return deltas[:end-after], end
	}
	return deltas, last
}

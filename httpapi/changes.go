package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

const (
	defaultChanges  = 100
	maxChanges      = 1000
	maxWait         = 60 * time.Second
	maxChangesBytes = 1 << 20 // a page ends when it has this much
)

// getChanges answers with the batches after an event id, and can wait for the next.
func (s *Server) getChanges(c echo.Context) error {
	if err := checkQuery(c, InvalidParameter); err != nil {
		return err
	}
	limit, err := queryInt(c, "limit", defaultChanges, 1, maxChanges)
	if err != nil {
		return err
	}
	wait, err := queryInt(c, "wait", 0, 0, int(maxWait/time.Second))
	if err != nil {
		return err
	}
	after := eventID{epoch: s.cfg.Hub.Epoch()}
	if text := c.QueryParam("after"); text != "" {
		if after, err = parseEventID(text); err != nil {
			return problem(InvalidEventID, err.Error())
		}
	}
	room, release, err := s.room(c)
	if err != nil {
		return err
	}
	defer release()
	feed := feedOf(room)
	if after.epoch != s.cfg.Hub.Epoch() || after.seq > feed.LastSeq() {
		return problem(PositionGone, "it is of another history")
	}
	ctx, cancel := s.waitContext(c.Request().Context(), time.Duration(wait)*time.Second)
	defer cancel()
	if wait > 0 {
		// However it ends, the answer is what there is now; the client asks again.
		_ = feed.Wait(ctx, after.seq)
	}
	changes, last, err := feed.changes(c.Request().Context(), room, after.seq, limit)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSONBlob(http.StatusOK, appendChanges(nil, room.Name(), eventID{after.epoch, last}, changes, last >= feed.LastSeq()))
}

// changes returns the batches after a serverSeq as deltas, and the serverSeq of the last: from the feed's memory while
// it reaches back that far, and otherwise from the log.
func (f *roomFeed) changes(ctx context.Context, room *core.Room, after int64, limit int) (deltas [][]byte, last int64, err error) {
	if deltas, last, ok := f.Payloads(after, limit, maxChangesBytes); ok {
		return deltas, last, nil
	}
	// The log can be ahead of the feed for a moment. What readers have not been told yet is left for the next page.
	told := f.LastSeq()
	batches, err := room.Log(ctx, after, core.Page{Batches: limit, Bytes: maxChangesBytes})
	if err != nil {
		return nil, 0, err
	}
	if len(batches) == 0 || batches[0].ServerSeq != after+1 {
		return nil, 0, problem(PositionGone, "the log does not reach back that far")
	}
	last = after
	for _, b := range batches {
		if b.ServerSeq > told {
			break
		}
		deltas, last = append(deltas, appendDelta(nil, b)), b.ServerSeq
	}
	return deltas, last, nil
}

// waitContext ends after d, when the request ends, or when the server is closing.
func (s *Server) waitContext(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(parent, d)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

func appendChanges(dst []byte, room string, next eventID, deltas [][]byte, upToDate bool) []byte {
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, room)
	dst = append(dst, `,"epoch":"`+next.epoch+`","changes":[`...)
	for i, d := range deltas {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, d...)
	}
	dst = append(dst, `],"next":"`...)
	dst = next.append(dst)
	dst = append(dst, `","upToDate":`...)
	dst = strconv.AppendBool(dst, upToDate)
	return append(dst, '}')
}

// queryInt returns a query parameter that is an integer within bounds, and def when it is absent.
func queryInt(c echo.Context, name string, def, lowest, highest int) (int, error) {
	text := c.QueryParam(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < lowest || n > highest {
		return 0, problem(InvalidParameter, name+" must be an integer from "+strconv.Itoa(lowest)+" to "+strconv.Itoa(highest))
	}
	return n, nil
}

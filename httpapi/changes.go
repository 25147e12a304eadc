package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

const (
	defaultChanges = 100
	maxWait        = 60 * time.Second
)

// changesQuery is what a request asks of a room's batches.
type changesQuery struct {
	after  *eventID // nil: the beginning
	until  *eventID // the end of a closed range; nil: there is none, and the rest counts
	limit  int
	wait   time.Duration
	cursor cursor
}

// claims are the positions that the sender names.
func (q changesQuery) claims() (ids []eventID) {
	for _, id := range []*eventID{q.after, q.until} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

// shares reports whether the sender reckons with answers that a cache has kept.
func (q changesQuery) shares() bool { return q.until != nil || q.cursor != noCursor }

func (s *Server) changesQuery(c echo.Context) (q changesQuery, err error) {
	if err := checkQuery(c, InvalidParameter); err != nil {
		return q, err
	}
	if q.limit, err = queryInt(c, "limit", defaultChanges, 1, maxChanges); err != nil {
		return q, err
	}
	seconds, err := queryInt(c, "wait", 0, 0, int(maxWait/time.Second))
	if err != nil {
		return q, err
	}
	q.wait = time.Duration(seconds) * time.Second
	if q.cursor, err = queryCursor(c); err != nil {
		return q, err
	}
	after, err := queryEventID(c, "after")
	if err != nil {
		return q, err
	}
	if q.until, err = queryEventID(c, "until"); err != nil {
		return q, err
	}
	if q.until != nil {
		return q.closed(c, after)
	}
	q.after = after
	return q, nil
}

// closed is the query of a closed range. Each range has one address, so it takes nothing that could give it another.
func (q changesQuery) closed(c echo.Context, after *eventID) (changesQuery, error) {
	for _, name := range []string{"limit", "wait", "cursor"} {
		if c.QueryParam(name) != "" {
			return q, problem(InvalidParameter, name+" does not go with until")
		}
	}
	if after == nil || after.epoch != q.until.epoch || after.seq >= q.until.seq {
		return q, problem(InvalidParameter, "until must come after `after` in the same epoch")
	}
	q.after = after
	return q, nil
}

// getChanges answers with the batches after an event id: those of a closed range, or as many as there are. Then it can
// wait for the next.
func (s *Server) getChanges(c echo.Context) error {
	q, err := s.changesQuery(c)
	if err != nil {
		return err
	}
	room, release, err := s.room(c, q.claims()...)
	if err != nil {
		return err
	}
	defer release()
	if q.after == nil {
		q.after = &eventID{epoch: room.Epoch()}
	}
	switch {
	case q.after.epoch != room.Epoch():
		err = problem(PositionGone, "it is of another history")
	case q.after.seq > feedOf(room).LastSeq():
		return problem(PositionGone, "it is of another history") // or of this one, later: no cache may keep it
	case q.until != nil:
		err = s.getRange(c, room, *q.after, *q.until)
	default:
		err = s.getNews(c, room, q)
	}
	var p *Problem
	if q.shares() && errors.As(err, &p) && p.Code == PositionGone {
		// That is for good. A cache may tell it for a moment to all the others who come from there.
		p.cacheControl = s.briefly(room.Name())
	}
	return err
}

// getNews answers with what there is after a position, now or when something comes.
func (s *Server) getNews(c echo.Context, room *core.Room, q changesQuery) error {
	feed := feedOf(room)
	if q.wait > 0 {
		ctx, cancel := s.waitContext(c.Request().Context(), q.wait)
		defer cancel()
		// However it ends, the answer is what there is now; the client asks again.
		_ = feed.Wait(ctx, q.after.seq)
	}
	told := feed.LastSeq()
	deltas, err := feed.deltas(c.Request().Context(), room, q.after.seq, min(told, q.after.seq+int64(q.limit)))
	if err != nil {
		return err
	}
	page := changesPage{room: room.Name(), deltas: deltas, upToDate: deltas.last() == told, cursor: noCursor}
	if !page.upToDate {
		deltas.align()
		page.through = told / pageSize * pageSize
	}
	page.next = eventID{q.after.epoch, deltas.last()}
	cacheControl := noStore
	if q.cursor != noCursor {
		page.cursor = q.cursor.next(time.Now(), deltas.last() > q.after.seq)
		cacheControl = s.briefly(room.Name())
	}
	c.Response().Header().Set("Cache-Control", cacheControl)
	return page.answer(c)
}

// waitContext ends after d, when the request ends, or when the server is closing.
func (s *Server) waitContext(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(parent, d)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// changesPage is the answer to a request for batches.
type changesPage struct {
	room     string
	deltas   *deltas
	next     eventID // where to go on
	upToDate bool    // there was no more
	through  int64   // up to where there are whole pages to go on with
	cursor   cursor  // noCursor: the request had none
}

// answer sends the page. When the deltas cannot be read again, the answer breaks off.
func (p changesPage) answer(c echo.Context) error {
	head, tail := p.head(), p.tail()
	w := c.Response()
	w.Header().Set(echo.HeaderContentLength, strconv.Itoa(len(head)+p.deltas.length()+len(tail)))
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	w.WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(head)
	if err := p.deltas.write(c.Request().Context(), w); err != nil {
		panic(http.ErrAbortHandler) // what has been sent must not pass for the whole
	}
	_, _ = w.Write(tail) // the client may be gone
	return nil
}

// head is what comes before the deltas.
func (p changesPage) head() []byte {
	dst := append([]byte(nil), `{"room":`...)
	dst = tree.AppendString(dst, p.room)
	return append(dst, `,"epoch":"`+p.next.epoch+`","changes":[`...)
}

// tail is what comes behind them.
func (p changesPage) tail() []byte {
	dst := append([]byte(nil), `],"next":"`...)
	dst = p.next.append(dst)
	dst = append(dst, `","upToDate":`...)
	dst = strconv.AppendBool(dst, p.upToDate)
	if p.through > p.next.seq {
		dst = append(dst, `,"pages":{"size":`+strconv.Itoa(pageSize)+`,"through":"`...)
		dst = eventID{p.next.epoch, p.through}.append(dst)
		dst = append(dst, `"}`...)
	}
	if p.cursor != noCursor {
		dst = append(dst, `,"cursor":`...)
		dst = strconv.AppendInt(dst, int64(p.cursor), 10)
	}
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

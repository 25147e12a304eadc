package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
)

const (
	defaultChanges = 100
	maxWait        = 60 * time.Second
)

// changesQuery is the query of a request for batches.
type changesQuery struct {
	after  *wire.EventID // nil: the beginning
	until  *wire.EventID // the end of a closed range; nil: an open range, to which the fields below apply
	limit  int
	wait   time.Duration
	cursor wire.Cursor
}

// claims returns the positions that the client has.
func (q changesQuery) claims() (ids []wire.EventID) {
	for _, id := range []*wire.EventID{q.after, q.until} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

// cacheable reports whether the client accepts responses of shared caches.
func (q changesQuery) cacheable() bool { return q.until != nil || q.cursor != wire.NoCursor }

func parseChangesQuery(r *request) (q changesQuery, err error) {
	if err := r.checkQuery(problem.InvalidParameter); err != nil {
		return q, err
	}
	if q.limit, err = r.queryInt("limit", defaultChanges, 1, feed.MaxChanges); err != nil {
		return q, err
	}
	seconds, err := r.queryInt("wait", 0, 0, int(maxWait/time.Second))
	if err != nil {
		return q, err
	}
	q.wait = time.Duration(seconds) * time.Second
	if q.cursor, err = r.queryCursor(); err != nil {
		return q, err
	}
	if q.after, err = r.queryEventID("after"); err != nil {
		return q, err
	}
	if q.until, err = r.queryEventID("until"); err != nil {
		return q, err
	}
	if q.until != nil {
		err = q.checkClosed(r)
	}
	return q, err
}

// checkClosed checks the query of a closed range. Each range has one URL, so other parameters are not accepted.
func (q changesQuery) checkClosed(r *request) error {
	for _, name := range []string{"limit", "wait", "cursor"} {
		if r.query.Get(name) != "" {
			return problem.New(problem.InvalidParameter, name+" cannot be combined with until")
		}
	}
	if q.after == nil || q.after.Epoch != q.until.Epoch || q.after.Seq >= q.until.Seq {
		return problem.New(problem.InvalidParameter, "until must be later than `after` in the same epoch")
	}
	return nil
}

// getChanges answers with the batches after an event id: of a closed range, or as many as there are. An open range can wait
// for the next batch.
func (s *Server) getChanges(w *response, r *request) error {
	q, err := parseChangesQuery(r)
	if err != nil {
		return err
	}
	room, release, err := s.room(r, q.claims()...)
	if err != nil {
		return err
	}
	defer release()
	if q.after == nil {
		q.after = &wire.EventID{Epoch: room.Epoch()}
	}
	switch {
	case q.after.Epoch != room.Epoch():
		err = problem.New(problem.PositionGone, "it is from another history")
	case q.after.Seq > feed.Of(room).LastSeq():
		return problem.New(problem.PositionGone, "it is from another history") // or in the future of this one: caches must not keep it
	case q.until != nil:
		err = s.getClosedRange(w, r, room, *q.after, *q.until)
	default:
		err = s.getOpenRange(w, r, room, q)
	}
	var p *problem.Problem
	if q.cacheable() && errors.As(err, &p) && p.Code == problem.PositionGone {
		p.CacheControl = s.shortCacheControl(room.Name()) // it is final; caches answer other readers at this position
	}
	return err
}

// getClosedRange answers with a closed range. The response never changes, so caches may keep it forever. Therefore it must
// not contain anything that changes, such as whether the room has newer batches.
func (s *Server) getClosedRange(w *response, r *request, room *core.Room, after, until wire.EventID) error {
	f := feed.Of(room)
	if until.Seq > f.LastSeq() {
		return problem.New(problem.NotYet, "")
	}
	batches, err := f.Range(r.Context(), room, after.Seq, until.Seq)
	if err != nil {
		return err
	}
	etag := `"` + after.String() + ":" + until.String() + `"`
	w.Header().Set("ETag", etag)
	s.setImmutable(w.Header(), room.Name())
	if r.hasVersion(etag) {
		return w.notModified()
	}
	next := wire.EventID{Epoch: after.Epoch, Seq: batches.Last()}
	return changesPage{room: room.Name(), next: next, batches: batches, cursor: wire.NoCursor}.write(w, r)
}

// getOpenRange answers with the batches after a position, at once or when there is one.
func (s *Server) getOpenRange(w *response, r *request, room *core.Room, q changesQuery) error {
	f := feed.Of(room)
	if q.wait > 0 {
		ctx, cancel := s.waitContext(r.Context(), q.wait)
		defer cancel()
		_ = f.Wait(ctx, q.after.Seq) // in any case the response is what there is now
	}
	through := f.LastSeq()
	batches, err := f.Range(r.Context(), room, q.after.Seq, min(through, q.after.Seq+int64(q.limit)))
	if err != nil {
		return err
	}
	page := changesPage{room: room.Name(), batches: batches, upToDate: batches.Last() == through, cursor: wire.NoCursor}
	if !page.upToDate {
		batches.Align()
		page.through = through / feed.PageSize * feed.PageSize
	}
	page.next = wire.EventID{Epoch: q.after.Epoch, Seq: batches.Last()}
	cacheControl := noStore
	if q.cursor != wire.NoCursor {
		page.cursor = q.cursor.Next(time.Now(), batches.Last() > q.after.Seq)
		cacheControl = s.shortCacheControl(room.Name())
	}
	w.Header().Set("Cache-Control", cacheControl)
	return page.write(w, r)
}

// changesPage is the response to a request for batches.
type changesPage struct {
	room     string
	batches  *feed.Range
	next     wire.EventID // the next `after`
	upToDate bool         // the room has no newer batches
	through  int64        // the end of the last complete page
	cursor   wire.Cursor
}

// write writes the response. If the batches cannot be read again, it aborts the connection.
func (p changesPage) write(w *response, r *request) error {
	head, tail := p.head(), p.tail()
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+p.batches.Len()+len(tail)))
	w.Header().Set("Content-Type", jsonContentType)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(head)
	if err := p.batches.Write(r.Context(), w); err != nil {
		panic(http.ErrAbortHandler) // the client must not take the part for the whole
	}
	_, _ = w.Write(tail)
	return nil
}

// head returns the JSON before the batches.
func (p changesPage) head() []byte {
	dst := append([]byte(nil), `{"room":`...)
	dst = tree.AppendString(dst, p.room)
	return append(dst, `,"epoch":"`+p.next.Epoch+`","changes":[`...)
}

// tail returns the JSON after the batches.
func (p changesPage) tail() []byte {
	dst := append([]byte(nil), `],"next":"`...)
	dst = p.next.Append(dst)
	dst = append(dst, `","upToDate":`...)
	dst = strconv.AppendBool(dst, p.upToDate)
	if p.through > p.next.Seq {
		dst = append(dst, `,"pages":{"size":`+strconv.Itoa(feed.PageSize)+`,"through":"`...)
		dst = wire.EventID{Epoch: p.next.Epoch, Seq: p.through}.Append(dst)
		dst = append(dst, `"}`...)
	}
	if p.cursor != wire.NoCursor {
		dst = append(dst, `,"cursor":`...)
		dst = strconv.AppendInt(dst, int64(p.cursor), 10)
	}
	return append(dst, '}')
}

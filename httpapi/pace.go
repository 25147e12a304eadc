package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// past is a deadline in the past.
var past = time.Unix(1, 0)

// cutBody ends reading the body. It may be called from any goroutine.
func (w *response) cutBody() {
	w.bodyCut.Store(true) // before the deadline is set: Read moves the deadline and then loads bodyCut
	setBodyDeadline(w, past)
}

// cutAnswer makes the current write and all further writes fail. It may be called from any goroutine.
func (w *response) cutAnswer() {
	w.answerCut.Store(true)
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(past)
}

// pacedWriter writes a body with deadlines that move while bytes are sent: a slow client gets all of it, a stalled one is
// cut off. Where the connection has no deadlines, the embedding server sets the limits. The last deadline stays in force for
// data that net/http has buffered; net/http removes it before the next request.
type pacedWriter struct {
	meter pace.Meter
	moved int       // bytes since the last call of meter.Renew
	wrote time.Time // when the last write returned; zero: no write yet
}

// write writes p in pieces, each with a deadline.
func (b *pacedWriter) write(resp *response, p []byte) (n int, err error) {
	w, rc := resp.ResponseWriter, http.NewResponseController(resp.ResponseWriter)
	for len(p) > 0 {
		now := time.Now()
		if !b.wrote.IsZero() {
			b.meter.Skip(now.Sub(b.wrote)) // the handler's time
		}
		if deadline, again := b.meter.Renew(b.moved, now); again {
			_ = rc.SetWriteDeadline(deadline)
			if resp.answerCut.Load() {
				_ = rc.SetWriteDeadline(past)
			}
		}
		b.moved, err = w.Write(p[:min(len(p), pace.Piece)])
		b.wrote = time.Now()
		n += b.moved
		if err != nil {
			return n, err
		}
		p = p[b.moved:]
	}
	return n, nil
}

// pacedBody reads a body with a deadline that moves while bytes arrive. The deadline also limits a body that no handler reads,
// since net/http reads the rest of a short one.
type pacedBody struct {
	io.ReadCloser
	w     *response
	r     *http.Request
	meter pace.Meter
	moved int // by the last read
}

// begin sets the first deadline, at the beginning of the request.
func (b *pacedBody) begin(w *response, r *http.Request, patience time.Duration) {
	*b = pacedBody{ReadCloser: r.Body, w: w, r: r, meter: pace.Meter{Patience: patience}}
	deadline, _ := b.meter.Renew(0, w.entry.began)
	setBodyDeadline(w, deadline)
}

// Read moves the deadline of the body, and that of the response, which begins after the body.
func (b *pacedBody) Read(p []byte) (n int, err error) {
	if deadline, again := b.meter.Renew(b.moved, time.Now()); again {
		setBodyDeadline(b.w, deadline)
		restoreWriteDeadline(b.w, b.r)
		if b.w.bodyCut.Load() {
			setBodyDeadline(b.w, past)
		}
	}
	b.moved, err = b.ReadCloser.Read(p)
	return b.moved, err
}

// restoreWriteDeadline sets the write deadline that http.Server set at the beginning of the request, since that time has
// passed while the body arrived.
func restoreWriteDeadline(w http.ResponseWriter, r *http.Request) {
	var deadline time.Time
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout > 0 {
		deadline = time.Now().Add(server.WriteTimeout)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
}

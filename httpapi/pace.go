package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// cutBody ends the reading of a request's body, at any time.
func (x *exchange) cutBody() {
	x.bodyCut.Store(true) // before the deadline: Read renews it, and then looks at this
	setBodyDeadline(x, past)
}

// cutAnswer has all further writes of an answer fail, and the one that is under way.
func (x *exchange) cutAnswer() {
	x.answerCut.Store(true)
	_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(past)
}

// pacedWriter writes the body of an answer. A slow link gets all of it, and a stalled one is cut. Where the connection
// cannot have a deadline, the embedding server sets the limits. The last deadline stays in force for what net/http
// still holds back; net/http lifts it before the next request.
type pacedWriter struct {
	meter pace.Meter
	moved int       // bytes, since the meter was last asked
	wrote time.Time // when the last write returned; zero: nothing was written under a deadline of ours
}

// write writes p in pieces, each with a deadline.
func (b *pacedWriter) write(x *exchange, p []byte) (n int, err error) {
	w, rc := x.ResponseWriter, http.NewResponseController(x.ResponseWriter)
	for len(p) > 0 {
		now := time.Now()
		if !b.wrote.IsZero() {
			b.meter.Skip(now.Sub(b.wrote)) // which the handler took
		}
		if deadline, again := b.meter.Renew(b.moved, now); again {
			_ = rc.SetWriteDeadline(deadline)
			if x.answerCut.Load() {
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

// pacedBody reads the body of a request, however long it takes, as long as bytes come.
type pacedBody struct {
	io.ReadCloser
	x     *exchange
	r     *http.Request
	meter pace.Meter
	moved int // by the last read
}

// Read moves the deadline for the body, and that for the answer, which begins when the body is there.
func (b *pacedBody) Read(p []byte) (n int, err error) {
	if deadline, again := b.meter.Renew(b.moved, time.Now()); again {
		setBodyDeadline(b.x, deadline)
		restoreWriteDeadline(b.x, b.r)
		if b.x.bodyCut.Load() {
			setBodyDeadline(b.x, past)
		}
	}
	b.moved, err = b.ReadCloser.Read(p)
	return b.moved, err
}

// restoreWriteDeadline gives the answer the deadline that http.Server gave it at the beginning of the request, and which
// has run down while the body came.
func restoreWriteDeadline(w http.ResponseWriter, r *http.Request) {
	var deadline time.Time
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout > 0 {
		deadline = time.Now().Add(server.WriteTimeout)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
}

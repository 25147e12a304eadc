package sse

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// wire is a stream's way to its reader. Its errors are os.ErrDeadlineExceeded when a write ran out of time, or else
// mean that the reader is gone.
type wire interface {
	io.Writer
	SetWriteDeadline(time.Time) error
	// watch calls gone when the peer is gone or misbehaves, with the cause, and returns. A write that is under way then
	// fails. It also returns when the wire has been ended or cut.
	watch(gone func(cause error))
	// end closes the wire after the last write.
	end()
	// cut closes it at any time, and breaks a write that is under way. It is not called after the stream's run.
	cut()
}

// maxTalk is how many bytes a reader may send after its request.
const maxTalk = 4 << 10

// taken is a connection that was taken over from net/http. The body ends with the connection and has no framing of
// its own, so a feed's bytes are sent as they are.
type taken struct {
	net.Conn
	discard [64]byte // small: a reader has nothing to say
}

func (t *taken) watch(gone func(error)) {
	defer t.end()
	for heard := 0; heard <= maxTalk; {
		n, err := t.Read(t.discard[:])
		if err != nil {
			gone(fmt.Errorf("%w: %w", ErrGone, err))
			return
		}
		heard += n
	}
	gone(ErrTalkative)
}

func (t *taken) end() { _ = t.Close() }
func (t *taken) cut() { _ = t.Close() }

// lent is a response that net/http keeps hold of. It must not be used after the handler has returned.
type lent struct {
	w        http.ResponseWriter
	rc       *http.ResponseController
	deadline time.Time
	ctx      context.Context // ends with the request, and with the wire
	cancel   context.CancelFunc
}

func newLent(w http.ResponseWriter, r *http.Request) *lent {
	ctx, cancel := context.WithCancel(r.Context())
	return &lent{w: w, rc: http.NewResponseController(w), ctx: ctx, cancel: cancel}
}

// Write sends p on to the peer. The deadline stands only meanwhile: HTTP/2 breaks a stream whose deadline passes, even
// when nothing is being written.
func (l *lent) Write(p []byte) (int, error) {
	l.setDeadline(l.deadline)
	if err := l.ctx.Err(); err != nil { // after setDeadline: it may just have undone what cut did
		return 0, err
	}
	n, err := l.w.Write(p)
	if err == nil {
		err = l.rc.Flush()
	}
	if err != nil {
		return 0, l.reason(err) // there is no telling how much has gone, nor going on
	}
	l.setDeadline(time.Time{})
	return n, nil
}

// reason says why a write failed. HTTP/2 does not tell a deadline from a peer that went away.
func (l *lent) reason(err error) error {
	if !time.Now().Before(l.deadline) {
		return os.ErrDeadlineExceeded
	}
	if gone := l.ctx.Err(); gone != nil {
		return gone
	}
	return err
}

func (l *lent) SetWriteDeadline(t time.Time) error {
	l.deadline = t
	return nil
}

// setDeadline does without, where there is none to be had.
func (l *lent) setDeadline(t time.Time) { _ = l.rc.SetWriteDeadline(t) }

// watch leaves it to net/http to break a write.
func (l *lent) watch(gone func(error)) {
	<-l.ctx.Done()
	gone(fmt.Errorf("%w: %w", ErrGone, l.ctx.Err()))
}

func (l *lent) end() { l.cancel() }

func (l *lent) cut() {
	l.cancel()                     // before setDeadline, see Write
	l.setDeadline(time.Unix(1, 0)) // long past
}

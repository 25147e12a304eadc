package sse

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// conn is the connection of a stream to its reader.
type conn interface {
	// write sends p. The error is os.ErrDeadlineExceeded if the deadline has passed; otherwise the reader is gone.
	write(p []byte, deadline time.Time) (int, error)
	// watch blocks until the reader is gone or has sent too much, calls gone with the cause, and returns. A running write
	// then fails. watch also returns after end and abort.
	watch(gone func(cause error))
	// end closes the connection after the last write.
	end()
	// abort closes the connection at any time. A running write fails. It must not be called after the stream's run.
	abort()
}

// maxReceived is how many bytes a reader may send after its request.
const maxReceived = 4 << 10

// hijackedConn is a connection that was hijacked from net/http. The response's body ends with the connection and has no
// framing of its own, so frames are sent as they are.
type hijackedConn struct {
	net.Conn
	deadline time.Time // of the last write
	discard  [64]byte  // small, because readers usually send nothing
}

func (c *hijackedConn) write(p []byte, deadline time.Time) (int, error) {
	if deadline != c.deadline { // setting it is expensive
		c.deadline = deadline
		_ = c.SetWriteDeadline(deadline) // after an error, the write fails, too
	}
	return c.Write(p)
}

func (c *hijackedConn) watch(gone func(error)) {
	defer c.end()
	for received := 0; received <= maxReceived; {
		n, err := c.Read(c.discard[:])
		if err != nil {
			gone(fmt.Errorf("%w: %w", ErrGone, err))
			return
		}
		received += n
	}
	gone(ErrUnexpectedData)
}

func (c *hijackedConn) end()   { _ = c.Close() }
func (c *hijackedConn) abort() { _ = c.Close() }

// responseConn writes to a response of net/http. It must not be used after the handler has returned.
type responseConn struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	ctx    context.Context // ends with the request, and with end and abort
	cancel context.CancelFunc
}

func newResponseConn(w http.ResponseWriter, r *http.Request) *responseConn {
	ctx, cancel := context.WithCancel(r.Context())
	return &responseConn{w: w, rc: http.NewResponseController(w), ctx: ctx, cancel: cancel}
}

// write sets the deadline only while it runs, because HTTP/2 breaks a stream whose deadline passes, even if nothing is being
// written.
func (c *responseConn) write(p []byte, deadline time.Time) (int, error) {
	c.setDeadline(deadline)
	if err := c.ctx.Err(); err != nil { // after setDeadline, which may have replaced the deadline of abort
		return 0, err
	}
	n, err := c.w.Write(p)
	if err == nil {
		err = c.rc.Flush()
	}
	if err != nil {
		return 0, c.cause(err, deadline) // the number of bytes sent is unknown, and the write cannot be continued
	}
	c.setDeadline(time.Time{})
	return n, nil
}

// cause returns the cause of a failed write. HTTP/2 has the same error for a deadline and for a reader that is gone.
func (c *responseConn) cause(err error, deadline time.Time) error {
	if !time.Now().Before(deadline) {
		return os.ErrDeadlineExceeded
	}
	if gone := c.ctx.Err(); gone != nil {
		return gone
	}
	return err
}

// setDeadline ignores errors: some responses have no deadlines.
func (c *responseConn) setDeadline(t time.Time) { _ = c.rc.SetWriteDeadline(t) }

// watch relies on net/http to break a running write.
func (c *responseConn) watch(gone func(error)) {
	<-c.ctx.Done()
	gone(fmt.Errorf("%w: %w", ErrGone, c.ctx.Err()))
}

func (c *responseConn) end() { c.cancel() }

func (c *responseConn) abort() {
	c.cancel()                     // before setDeadline, see Write
	c.setDeadline(time.Unix(1, 0)) // in the past
}

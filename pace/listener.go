package pace

import (
	"net"
	"sync"
	"time"
)

// Listen returns a listener whose connections extend their read deadlines while bytes arrive. This affects the deadlines of
// http.Server for the TLS handshake and for a request's header. It also limits the unsent bytes in the system's buffers, so
// that a blocked write shows soon that the peer does not read.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	LimitUnsent(c)
	return &conn{Conn: c}, nil
}

// conn extends the read deadlines of a connection. The time from setting a deadline until the deadline is the patience of
// its Meter.
//
// http.Server and its handler set eight read deadlines for each request, and most are replaced before anything is read. A
// deadline reaches Conn only while a Read is running, or when one begins.
type conn struct {
	net.Conn

	mu       sync.Mutex // guards the fields below and the read deadline of Conn
	meter    Meter      // of the bytes since the deadline was set
	paced    bool       // there is a deadline to extend
	deadline time.Time  // of reads
	applied  time.Time  // the read deadline of Conn
	reads    int        // running calls of Read
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}

// SetReadDeadline returns no error of the connection when no Read is running; the next Read has it.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline, c.paced = t, false
	if !t.IsZero() {
		now := time.Now()
		c.meter = Meter{Patience: t.Sub(now)}
		if c.paced = t.After(now); c.paced {
			c.meter.Next(0, now)
		}
	}
	if c.reads == 0 {
		return nil
	}
	return c.applyLocked()
}

// applyLocked sets the read deadline of Conn.
func (c *conn) applyLocked() error {
	if c.deadline == c.applied {
		return nil
	}
	c.applied = c.deadline
	return c.Conn.SetReadDeadline(c.deadline)
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.reads++
	_ = c.applyLocked() // an error appears in the read, too
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads--
	if n > 0 && c.paced {
		c.deadline = c.meter.Next(n, time.Now())
	}
	if c.reads > 0 {
		_ = c.applyLocked()
	}
	return n, err
}

// CloseWrite lets http.Server close a connection in two steps.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// Raw returns the socket of a connection on which a write that times out returns the number of bytes written and can be
// continued. That is so for TCP and Unix sockets. Over TLS it returns nil.
func Raw(c net.Conn) net.Conn {
	switch c := c.(type) {
	case *conn:
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = c.applyLocked() // the caller may read from the socket
		return Raw(c.Conn)
	case *net.TCPConn, *net.UnixConn:
		return c
	}
	return nil
}

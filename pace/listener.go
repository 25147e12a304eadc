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
type conn struct {
	net.Conn

	mu    sync.Mutex // guards the fields below and the read deadline of Conn
	meter Meter      // of the bytes since the deadline was set
	paced bool       // there is a deadline to extend
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	patience := t.Sub(now)
	c.paced = !t.IsZero() && patience > 0
	c.meter = Meter{Patience: patience}
	if c.paced {
		c.meter.Next(0, now)
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.extend(n)
	}
	return n, err
}

func (c *conn) extend(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paced {
		_ = c.Conn.SetReadDeadline(c.meter.Next(n, time.Now())) // an error appears in the next read, too
	}
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
		return Raw(c.Conn)
	case *net.TCPConn, *net.UnixConn:
		return c
	}
	return nil
}

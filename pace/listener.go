package pace

import (
	"net"
	"sync"
	"time"
)

// Listen has the connections of a listener read at any pace: their read deadlines, such as those of http.Server for the TLS
// handshake and for a request's header, are put off while bytes come. It also bounds what the system holds back of what
// is written, so that a write shows soon whether the peer takes anything.
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

// conn puts off the read deadlines of a connection. A deadline that is set stands for the patience until then: if no byte
// comes, or too few, it holds as it is.
type conn struct {
	net.Conn

	mu    sync.Mutex // for the fields below, and to set the deadline of Conn
	meter Meter      // of what has come since the deadline was set
	paced bool       // a deadline stands that can be put off
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
		c.putOff(n)
	}
	return n, err
}

func (c *conn) putOff(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paced {
		_ = c.Conn.SetReadDeadline(c.meter.Next(n, time.Now())) // where it fails, so does the next read
	}
}

// CloseWrite is for http.Server, which ends a connection in two steps where it can.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// IsRaw reports whether a write on a connection that runs out of time says how much has gone, and can be continued. A
// write over TLS cannot.
func IsRaw(c net.Conn) bool {
	switch c := c.(type) {
	case *conn:
		return IsRaw(c.Conn)
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

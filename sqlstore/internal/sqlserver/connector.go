package sqlserver

import (
	"context"
	"database/sql/driver"
	"net"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// Timeouts for operations during which the driver ignores its context.
const (
	loginTimeout = 10 * time.Second // from dialling to a usable connection
	writeTimeout = 10 * time.Second // for each write to the network
)

// keepAlive closes a connection whose peer does not respond, also during a migration, which has no deadline.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// connector opens connections with timeouts. While a statement runs, its context limits reading: the driver cancels the
// statement, and closes the connection if the server does not respond to that.
type connector struct{ *mssql.Connector }

func newConnector(c *mssql.Connector) connector {
	c.Dialer = dialer{net.Dialer{KeepAliveConfig: keepAlive}}
	return connector{c}
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	login := new(login)
	stop := context.AfterFunc(ctx, login.cut)
	conn, err := c.Connector.Connect(context.WithValue(ctx, loginKey{}, login))
	if !stop() { // login.cut runs or has run
		if err == nil {
			_ = conn.Close()
		}
		return nil, &loginError{context.Cause(ctx)}
	}
	if err != nil {
		return nil, &loginError{err}
	}
	return conn, nil
}

// loginError is a failure to open a connection.
type loginError struct{ cause error }

func (e *loginError) Error() string { return e.cause.Error() }
func (e *loginError) Unwrap() error { return e.cause }

// login has the network connections of a login that is in progress. cut closes them, and later ones.
type login struct {
	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

type loginKey struct{}

func (l *login) add(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	if l.closed {
		_ = conn.Close()
	}
}

func (l *login) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

// dialer dials connections with write deadlines. As a mssql.HostDialer, it resolves host names within its context.
type dialer struct{ net.Dialer }

var _ mssql.HostDialer = dialer{}

func (d dialer) HostName() string { return "" }

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if login, ok := ctx.Value(loginKey{}).(*login); ok {
		login.add(conn)
	}
	return deadlineConn{conn}, nil
}

// deadlineConn is a network connection with a deadline for each write.
type deadlineConn struct{ net.Conn }

func (c deadlineConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

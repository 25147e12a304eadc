package sqlstore

import (
	"context"
	"database/sql/driver"
	"net"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// The limits that the driver leaves to the network, which may have none: it does not look at its context while it logs
// in, nor while it writes.
const (
	sqlServerLogin = 10 * time.Second // from the first packet to a connection that can be used
	sqlServerWrite = 10 * time.Second // for the network to take what is written
)

// A connection on which nothing comes back for so long is given up, also by a migration, which has no limit of its own.
var sqlServerKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// sqlServerConnector makes connections within their limits. While a statement is under way, its context is the limit of
// reading: the driver then cancels it, and gives the connection up if the server does not answer to that either.
type sqlServerConnector struct{ *mssql.Connector }

func newSQLServerConnector(c *mssql.Connector) sqlServerConnector {
	c.Dialer = linkDialer{net.Dialer{KeepAliveConfig: sqlServerKeepAlive}}
	return sqlServerConnector{c}
}

func (c sqlServerConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, sqlServerLogin)
	defer cancel()
	login := new(login)
	stop := context.AfterFunc(ctx, login.cut)
	conn, err := c.Connector.Connect(context.WithValue(ctx, loginKey{}, login))
	if !stop() { // the link was cut, or is about to be
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

// loginError is that no connection could be made.
type loginError struct{ cause error }

func (e *loginError) Error() string { return e.cause.Error() }
func (e *loginError) Unwrap() error { return e.cause }

// login is the links that were dialled for a connection that is not there yet.
type login struct {
	mu    sync.Mutex
	links []net.Conn
	over  bool
}

type loginKey struct{}

func (l *login) add(link net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.links = append(l.links, link)
	if l.over {
		_ = link.Close()
	}
}

func (l *login) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, link := range l.links {
		_ = link.Close()
	}
}

// linkDialer dials what becomes a link. It looks hosts' names up itself, within its context, as a HostDialer does.
type linkDialer struct{ net.Dialer }

var _ mssql.HostDialer = linkDialer{}

func (d linkDialer) HostName() string { return "" }

func (d linkDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if login, ok := ctx.Value(loginKey{}).(*login); ok {
		login.add(conn)
	}
	return link{conn}, nil
}

// link is a network connection that gives up when what is written to it is not taken.
type link struct{ net.Conn }

func (l link) Write(p []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(sqlServerWrite)); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

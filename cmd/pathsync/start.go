package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/pace"
	"github.com/pathsync/pathsync/sqlstore"
)

// Bounds of the start.
const (
	startQuietly     = 2 * time.Second // as long, requests wait in the listener's queue while the database is opened
	shortestOpenWait = 250 * time.Millisecond
	longestOpenWait  = 5 * time.Second
	sameOpenWarning  = 30 * time.Second // the same warning is not logged more often
)

// receiveBuffer is how much of what a client sends over HTTP/2 waits in memory until it is read. Nothing counts it.
const receiveBuffer = 256 << 10

// publicServer is the HTTP server at the address that clients use. It may be started before there is an API.
type publicServer struct {
	front    *httpapi.Front
	server   *http.Server
	listener net.Listener
	tls      bool
	start    sync.Once
	served   chan error // gets the error with which it ends
}

func newPublicServer(listener net.Listener, edge edge, log *slog.Logger) *publicServer {
	front := httpapi.NewFront(edge.origins)
	return &publicServer{
		front: front, listener: listener, tls: edge.tls != nil, served: make(chan error, 1),
		server: &http.Server{
			Handler:           front,
			Protocols:         edge.protocols,
			TLSConfig:         edge.tls,
			ReadHeaderTimeout: pace.Patience,   // without a byte: the listener puts it off
			WriteTimeout:      2 * time.Minute, // from a request until its answer begins; the rest is written at the reader's pace
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ConnState:         front.ConnState,
			HTTP2:             &http.HTTP2Config{MaxReceiveBufferPerConnection: receiveBuffer, MaxReceiveBufferPerStream: receiveBuffer, WriteByteTimeout: pace.Patience},
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
}

// serve accepts connections from the first call on.
func (s *publicServer) serve() {
	s.start.Do(func() {
		listener := pace.Listen(s.listener)
		go func() {
			if s.tls {
				s.served <- s.server.ServeTLS(listener, "", "")
			} else {
				s.served <- s.server.Serve(listener)
			}
		}()
	})
}

// close ends it at once, started or not.
func (s *publicServer) close() {
	_ = s.server.Close()
	_ = s.listener.Close()
}

// openStore opens the store that --database names. If it cannot be used yet, or takes long to open, unready is called, from
// another goroutine; then openStore tries again until --database-wait has passed.
func (c *serveCommand) openStore(ctx context.Context, log *slog.Logger, unready func()) (core.Store, error) {
	open, waits, err := storeOpener(c.Database, log)
	if err != nil {
		return nil, err
	}
	unready = sync.OnceFunc(unready)
	quiet := time.AfterFunc(startQuietly, unready)
	defer quiet.Stop()
	started, warned, text := time.Now(), time.Time{}, ""
	for wait := shortestOpenWait; ; wait = min(2*wait, longestOpenWait) {
		store, err := open(ctx)
		if err == nil || ctx.Err() != nil || !waits || !sqlstore.WaitingHelps(err) {
			return store, err
		}
		left := c.DatabaseWait - time.Since(started)
		if left <= 0 {
			if c.DatabaseWait > 0 {
				err = fmt.Errorf("waiting for the database (--database-wait %v): %w", c.DatabaseWait, err)
			}
			return nil, err
		}
		unready()
		if err.Error() != text || time.Since(warned) >= sameOpenWarning {
			warned, text = time.Now(), err.Error()
			log.Warn("the database cannot be used yet; requests get 503 until it can", "error", err, "for", left.Round(time.Second))
		}
		select {
		case <-time.After(min(wait, left)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// storeOpener returns what opens the store that a database URL names, and whether it may have to wait for a server.
func storeOpener(url string, log *slog.Logger) (open func(context.Context) (core.Store, error), waits bool, err error) {
	scheme, _, _ := strings.Cut(url, ":")
	switch scheme {
	case "memory":
		return func(context.Context) (core.Store, error) { return memstore.New(), nil }, false, nil
	case "sqlite", "postgres", "postgresql", "sqlserver":
		return func(ctx context.Context) (core.Store, error) {
			store, err := sqlstore.Open(ctx, url, sqlstore.WithLog(log))
			if err != nil {
				return nil, err
			}
			return store, nil
		}, scheme != "sqlite", nil
	default:
		return nil, false, usageError{fmt.Errorf("--database %q is not known; use sqlite:FILE, sqlserver://…, postgres://… or %q",
			kindOf(url), "memory:")}
	}
}

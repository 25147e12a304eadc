package httpapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/internal/testkit"
)

// server is a complete server, with its parts.
type server struct {
	client
	api   *httpapi.Server
	hub   *core.Hub
	store *faultyStore
	token string // of the requests that are written by hand; "" for none
	dial  func(context.Context) (net.Conn, error)
	close func() error // closes the hub, once
}

// setting changes the configuration of a server.
type setting func(*parts)

type parts struct {
	store core.Store
	api   httpapi.Config
	feeds feed.Config
	hub   core.Config
	http  http.Server
	tls   *tls.Config // nil without TLS
}

// start runs a server on a port of the loopback interface until the test ends.
func start(t *testing.T, settings ...setting) *server {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	return run(t, time.Minute, listener, func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", listener.Addr().String())
	}, settings)
}

// inBubble runs a server in a synctest bubble, with connections in memory. The clock
// starts at midnight UTC 2000-01-01, so timestamps are the same in every run.
func inBubble(t *testing.T, test func(*testing.T, *server), settings ...setting) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		listener := testkit.NewPipe()
		listener.Wrap = func(c net.Conn) net.Conn { return peer{c} }
		test(t, run(t, 24*time.Hour, listener, listener.Dial, settings))
	})
}

const midnight = "946684800000" // when a bubble's clock starts, in milliseconds since the Unix epoch

func run(t *testing.T, patience time.Duration, listener net.Listener, dial func(context.Context) (net.Conn, error),
	settings []setting) *server {
	t.Helper()
	p := &parts{store: memstore.New()}
	if asksForTokens() {
		guarded(p)
	}
	for _, set := range settings {
		set(p)
	}
	s := &server{store: &faultyStore{Store: p.store}, dial: dial}
	p.hub.Store = s.store
	p.api.Hub, p.api.Feeds = p.hub, p.feeds
	s.api = httpapi.New(p.api)
	s.hub = s.api.Hub()

	p.http.Handler = s.api
	if p.http.ErrorLog == nil {
		p.http.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	}
	served := make(chan error, 1)
	base := "http://pathsync.test"
	if p.tls != nil {
		base = "https://pathsync.test"
		listener = tls.NewListener(listener, p.tls)
	}
	go func() { served <- p.http.Serve(listener) }()

	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true,
	}
	s.close = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		return s.hub.Close(ctx)
	})
	s.client = client{t: t, base: base, http: &http.Client{Transport: transport}, patience: patience}
	if asksForTokens() {
		s.token = newToken("ada", everything, 24*time.Hour)
		s.client = s.with(s.token)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		s.store.recover()
		s.api.Drain()
		transport.CloseIdleConnections()
		if err := errors.Join(s.api.Wait(ctx), p.http.Shutdown(ctx), s.close()); err != nil {
			t.Errorf("ending the server: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	})
	return s
}

// connect opens a raw connection with a deadline.
func (s *server) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := s.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(s.patience))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// raw sends bytes on a new connection.
func (s *server) raw(t *testing.T, request string) net.Conn {
	t.Helper()
	conn := s.connect(t)
	if s.token != "" {
		request = asUser(request, s.token)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// peer is a pipe with a remote address.
type peer struct{ net.Conn }

const peerAddress = "203.0.113.1"

func (peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(peerAddress), Port: 4711} }

package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/pace"
)

// receiveBuffer limits the unread bytes of an HTTP/2 connection or stream. The memory budget does not count them.
const receiveBuffer = 256 << 10

// publicServer is the HTTP server at Listen. It can start before the database is open; front then answers 503.
type publicServer struct {
	http     *http.Server // which may set its TLSConfig itself
	listener net.Listener
	tls      bool
	start    sync.Once
	served   chan error // receives the error of Serve
}

func (c Config) newPublicServer(listener net.Listener, front *httpapi.Front, config *tls.Config) *publicServer {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // over TLS
	protocols.SetUnencryptedHTTP2(c.H2C)
	listener = &loggedListener{Listener: listener, log: c.Log}
	return &publicServer{
		listener: listener, tls: config != nil, served: make(chan error, 1),
		http: &http.Server{
			Handler:           front,
			Protocols:         protocols,
			TLSConfig:         config,
			ReadHeaderTimeout: pace.Patience,   // between bytes: pace.Listen extends it while bytes arrive
			WriteTimeout:      2 * time.Minute, // until an answer begins; package httpapi extends it while bytes are sent
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ConnState:         front.ConnState,
			HTTP2:             &http.HTTP2Config{MaxReceiveBufferPerConnection: receiveBuffer, MaxReceiveBufferPerStream: receiveBuffer, WriteByteTimeout: pace.Patience},
			ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		},
	}
}

// url returns the address of the server as a URL.
func (s *publicServer) url() string {
	scheme := "http"
	if s.tls {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String() + "/"
}

// serve accepts connections from the first call on.
func (s *publicServer) serve() {
	s.start.Do(func() {
		listener := pace.Listen(s.listener)
		go func() {
			if s.tls {
				s.served <- s.http.ServeTLS(listener, "", "")
			} else {
				s.served <- s.http.Serve(listener)
			}
		}()
	})
}

// shutdown waits for running requests. At the end of ctx it cuts them.
func (s *publicServer) shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	return err
}

// close closes the listener and all connections. The server may not have started.
func (s *publicServer) close() {
	_ = s.http.Close()
	_ = s.listener.Close()
}

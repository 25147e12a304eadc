// Package testkit holds what the tests of several packages need: an in-memory listener, a server on it, an HTTP client, a
// reader of event streams, certificates, and sample events.
package testkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Pipe is a net.Listener in memory. In a bubble of testing/synctest, goroutines that wait for its connections are durably
// blocked.
type Pipe struct {
	Wrap func(net.Conn) net.Conn // wraps the server's end of a connection; nil: not wrapped

	accepted chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

// NewPipe returns a listener.
func NewPipe() *Pipe { return &Pipe{accepted: make(chan net.Conn), closed: make(chan struct{})} }

// Dial connects to the listener. It waits until the listener accepts, is closed, or ctx ends.
func (p *Pipe) Dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	if p.Wrap != nil {
		server = p.Wrap(server)
	}
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Transport returns a transport whose every connection leads to the listener.
func (p *Pipe) Transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx) }}
}

// Accept implements net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipe) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipe) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

// Serve serves a handler in memory until the test ends, and returns a transport to it.
func Serve(t testing.TB, handler http.Handler) *http.Transport {
	t.Helper()
	pipe := NewPipe()
	server := &http.Server{Handler: handler}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pipe) }()
	transport := pipe.Transport()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	})
	return transport
}

package sse

import (
	"context"
	"sync"
	"time"
)

const defaultWriteTimeout = 10 * time.Second

// Group is the streams of one server: it opens them, and knows when all their goroutines have ended. The zero value is
// ready. It has to be told of the end by Shutdown, since a connection that was taken over is none of http.Server's
// business any more.
type Group struct {
	// WriteTimeout is how long a reader may take for 64 KiB, at most; it may be cut off after half of it. Zero means
	// 10 s.
	WriteTimeout time.Duration

	mu      sync.Mutex
	streams map[*Stream]struct{}
	idle    chan struct{} // of Shutdown: closed when streams is empty. A group that has it starts no streams.
}

// Shutdown waits until all streams have ended, for which their feeds have to be closed before. When the context is
// done first, it breaks the connections that are left, and returns the context's error. No stream starts any more.
func (g *Group) Shutdown(ctx context.Context) error {
	idle := g.refuse()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		g.cut()
		<-idle
		return ctx.Err()
	}
}

func (g *Group) refuse() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = make(chan struct{})
		if len(g.streams) == 0 {
			close(g.idle)
		}
	}
	return g.idle
}

func (g *Group) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.streams {
		s.finish(ErrClosed, nil)
		s.wire.cut()
	}
}

// add reports whether the stream may start.
func (g *Group) add(s *Stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil {
		return false
	}
	if g.streams == nil {
		g.streams = make(map[*Stream]struct{})
	}
	g.streams[s] = struct{}{}
	return true
}

func (g *Group) remove(s *Stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, s)
	if g.idle != nil && len(g.streams) == 0 {
		close(g.idle)
	}
}

func (g *Group) writeTimeout() time.Duration {
	if g.WriteTimeout > 0 {
		return g.WriteTimeout
	}
	return defaultWriteTimeout
}

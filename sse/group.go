package sse

import (
	"context"
	"sync"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Recorder is told what is worth measuring. Its methods are called by streams, and must not block.
type Recorder interface {
	// Delivered is told how long an event took from Append until the reader's socket had it. It is asked of one stream
	// for each wake, in turn: that is a fair sample of all deliveries, and costs the same however many there are.
	Delivered(took time.Duration)
}

// Group is the streams of one server: it opens them, and knows when all their goroutines have ended. The zero value is
// ready. It has to be told of the end by Shutdown, since a connection that was taken over is none of http.Server's
// business any more.
type Group struct {
	// WriteTimeout is how long a reader may take no byte; it may be cut off after nine tenths of it. A reader that takes
	// fewer bytes than pace.MinRate is cut off soon after it. Zero means pace.Patience.
	WriteTimeout time.Duration
	// Compress has streams compressed for readers who accept that, with zstd or gzip.
	Compress bool
	// Recorder measures, if there is one.
	Recorder Recorder

	mu      sync.Mutex
	streams map[*Stream]struct{}
	idle    chan struct{} // of Shutdown: closed when streams is empty. A group that has it starts no streams.

	buffers sync.Pool // of streams that are sending what they cannot share whole: *[]byte
}

// lastPatience is how long a reader may take nothing at all once the server is going away.
const lastPatience = time.Second

// Shutdown waits until all streams have ended, for which their feeds have to be closed before. A connection whose reader
// takes nothing for a second is broken: nobody waits for it. When the context is done, it breaks those that are left,
// and returns the context's error. No stream starts any more.
func (g *Group) Shutdown(ctx context.Context) error {
	idle := g.refuse()
	look := time.NewTicker(lastPatience)
	defer look.Stop()
	for {
		select {
		case <-idle:
			return nil
		case <-look.C:
			g.cut(func(s *Stream) bool { return s.sent.Load() == s.before })
		case <-ctx.Done():
			g.cut(func(*Stream) bool { return true })
			<-idle
			return ctx.Err()
		}
	}
}

// Len is how many streams there are.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.streams)
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
	for s := range g.streams {
		s.before = s.sent.Load()
	}
	return g.idle
}

// cut breaks the connections of some streams, and notes how far the others are.
func (g *Group) cut(which func(*Stream) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.streams {
		if which(s) {
			s.finish(ErrClosed, nil)
			s.wire.cut()
		}
		s.before = s.sent.Load()
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
	return pace.Patience
}

package sse

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Metrics receives measurements. Streams call its methods concurrently; they must not block.
type Metrics interface {
	// Delivered receives the time from Append until the connection of one reader has accepted the event. For each wake-up,
	// one stream of a feed measures, another one each time. That is a fair sample of all deliveries, and its cost does not
	// depend on the number of streams.
	Delivered(took time.Duration)
}

// Group is the streams of one server. The zero value is ready to use. The server's end must call Shutdown: http.Server does
// not wait for hijacked connections.
type Group struct {
	// WriteTimeout is the longest time that a reader may read nothing. The reader may be cut after nine tenths of it. A
	// reader that reads less than pace.MinRate is cut soon after it. Default: pace.Patience.
	WriteTimeout time.Duration
	// Compress enables zstd and gzip for readers that accept them.
	Compress bool
	// Metrics receives measurements. Default: none.
	Metrics Metrics

	mu      sync.Mutex
	streams []*Stream     // at Stream.slot
	polled  int           // of streams
	idle    chan struct{} // made by Shutdown, closed when streams is empty. A group that has it starts no streams.
	poller  *poller       // made for the first stream; nil on systems that have none, and after Shutdown

	pump    pump
	turns   turns
	buffers sync.Pool // of *[]byte with bufferSize, for streams that cannot send shared memory as it is
}

// shutdownPatience is the longest time that a reader may read nothing during Shutdown.
const shutdownPatience = time.Second

// Shutdown waits until all streams have ended; their feeds must be closed before. It aborts the connection of a reader that
// reads nothing for a second. When ctx is done, it aborts the other connections, too, and returns the error of ctx. The
// group starts no streams from then on, and its poller and workers have ended when Shutdown returns.
func (g *Group) Shutdown(ctx context.Context) error {
	err := g.awaitEnd(ctx)
	g.pump.wait()
	g.closePoller()
	return err
}

func (g *Group) awaitEnd(ctx context.Context) error {
	sent := map[*Stream]int64{} // bytes, at the last check
	idle := g.stopStarting(sent)
	check := time.NewTicker(shutdownPatience)
	defer check.Stop()
	for {
		select {
		case <-idle:
			return nil
		case <-check.C:
			g.abort(func(s *Stream) bool {
				last := sent[s]
				sent[s] = s.sent.Load()
				return sent[s] == last
			})
		case <-ctx.Done():
			g.abort(func(*Stream) bool { return true })
			<-idle
			return ctx.Err()
		}
	}
}

// Len returns the number of streams.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.streams)
}

// Memory estimates the memory of the streams, in bytes, with what the caller has for each.
func (g *Group) Memory() int {
	const polled, other = 1536, 14 << 10 // other streams have goroutines; buffers of TLS or HTTP/2 too
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.polled*polled + (len(g.streams)-g.polled)*other
}

// stopStarting starts no streams any more. sent receives how much the others have sent.
func (g *Group) stopStarting(sent map[*Stream]int64) (idle <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = make(chan struct{})
		if len(g.streams) == 0 {
			close(g.idle)
		}
	}
	for _, s := range g.streams {
		sent[s] = s.sent.Load()
	}
	return g.idle
}

// abort aborts the connections of some streams.
func (g *Group) abort(which func(*Stream) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.streams {
		if which(s) {
			s.finish(ErrClosed, nil)
			s.conn.abort()
		}
	}
}

// add adds a stream. It reports whether the stream may start.
func (g *Group) add(s *Stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil {
		return false
	}
	s.slot = len(g.streams)
	g.streams = append(g.streams, s)
	if s.socket.poller != nil {
		g.polled++
	}
	return true
}

func (g *Group) remove(s *Stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	end := len(g.streams) - 1
	moved := g.streams[end]
	g.streams[s.slot], moved.slot = moved, s.slot
	g.streams[end] = nil
	if g.streams = g.streams[:end]; end == 0 {
		g.streams = nil // frees the memory after a crowd
	}
	if s.socket.poller != nil {
		g.polled--
	}
	if g.idle != nil && len(g.streams) == 0 {
		close(g.idle)
	}
}

// adopt makes the group's poller watch the connection of a stream, as its socket. It reports whether that is possible.
func (g *Group) adopt(s *Stream, c net.Conn) bool {
	g.mu.Lock()
	if g.poller == nil && g.idle == nil {
		g.poller, _ = newPoller() // fails on systems without, or if the process has too many open files
	}
	p := g.poller
	g.mu.Unlock()
	return p != nil && p.adopt(s, c) == nil
}

func (g *Group) closePoller() {
	g.mu.Lock()
	p := g.poller
	g.poller = nil
	g.mu.Unlock()
	if p != nil {
		p.close()
	}
}

// buffer returns an empty buffer. The caller puts it back into g.buffers.
func (g *Group) buffer() *[]byte {
	b, _ := g.buffers.Get().(*[]byte)
	if b == nil {
		b = new([]byte)
		*b = make([]byte, 0, bufferSize)
	}
	*b = (*b)[:0]
	return b
}

func (g *Group) writeTimeout() time.Duration {
	if g.WriteTimeout > 0 {
		return g.WriteTimeout
	}
	return pace.Patience
}

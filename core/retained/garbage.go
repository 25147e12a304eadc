package retained

import (
	"runtime"
	"sync"
)

// Garbage counts unreachable bytes until the next run of the garbage collector. It is for memory in many small objects, which a
// Counter cannot track. The zero value is ready to use. Its methods are safe for concurrent use.
type Garbage struct {
	mu    sync.Mutex
	bytes int64
	since *cycle // bytes added since the last run of the collector; nil: none
}

// cycle has the bytes that the next run of the garbage collector frees.
type cycle struct{ bytes int64 }

// sentinel is unreachable from the start, so its cleanup runs after the next run of the garbage collector.
type sentinel struct{ _ *sentinel } // the pointer excludes it from the tiny allocator, where objects share memory

// Add counts bytes that have become unreachable.
func (g *Garbage) Add(bytes int64) {
	if bytes <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since == nil {
		g.since = &cycle{}
		runtime.AddCleanup(&sentinel{}, g.collected, g.since)
	}
	g.since.bytes += bytes
	g.bytes += bytes
}

func (g *Garbage) collected(c *cycle) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes -= c.bytes
	if g.since == c {
		g.since = nil
	}
}

// Bytes returns the bytes that are counted now.
func (g *Garbage) Bytes() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes
}

package retained

import (
	"runtime"
	"sync"
)

// Garbage counts bytes that nothing holds any more, until the garbage collector has run. It is for memory in many small
// objects. The zero value is ready; its methods may be called from any goroutine.
type Garbage struct {
	mu    sync.Mutex
	bytes int64
	since *cycle // what was added since the collector last ran; nil: nothing
}

// cycle is what one run of the garbage collector frees.
type cycle struct{ bytes int64 }

// sentinel is garbage at once. Its cleanup runs when the garbage collector has run.
type sentinel struct{ _ *sentinel } // with a pointer, it shares no memory with other small objects

// Add counts bytes that nothing holds from now on.
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

// Bytes is how much was added and has not been collected.
func (g *Garbage) Bytes() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes
}

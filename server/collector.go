package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// collector returns unneeded memory to the system. Go collects garbage when the heap has grown; after a load it
// does not grow, and the process would keep the memory for minutes.
//
// A collection costs time in proportion to the memory in use. The collector starts one only if the estimate says that it
// frees more than that, and waits longer after each collection that freed little.
type collector struct {
	next  time.Time     // earliest time of the next collection
	pause time.Duration // after the last collection
}

const (
	collectorInterval = 500 * time.Millisecond
	collectorShare    = 20       // collections use at most 1/collectorShare of the time
	collectorSlack    = 24 << 20 // bytes; less is not worth a collection

	shortestCollectorPause, longestCollectorPause = collectorInterval, 2 * time.Minute
)

// startCollector starts a collector and returns a function that stops it. estimate returns the memory in bytes that the
// process should use.
func startCollector(estimate func() int64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { new(collector).run(ctx, estimate) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (c *collector) run(ctx context.Context, estimate func() int64) {
	tick := time.NewTicker(collectorInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if before := heapTaken(); c.due(before, estimate(), time.Now()) {
			began := time.Now()
			debug.FreeOSMemory()
			c.collected(before, heapTaken(), began, time.Now())
		}
	}
}

// due reports whether to start a collection, for a heap of taken bytes.
func (c *collector) due(taken, estimate int64, now time.Time) bool {
	return taken > estimate+estimate/2+collectorSlack && !now.Before(c.next)
}

// collected schedules the next collection after one that reduced the heap from before to after bytes.
func (c *collector) collected(before, after int64, began, ended time.Time) {
	if after > before-before/4 {
		c.pause = min(2*c.pause, longestCollectorPause)
	} else {
		c.pause = 0
	}
	c.pause = max(c.pause, collectorShare*ended.Sub(began), shortestCollectorPause)
	c.next = ended.Add(c.pause)
}

// heapTaken returns the bytes of system memory that the heap occupies.
func heapTaken() (bytes int64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	for _, s := range samples {
		bytes += int64(s.Value.Uint64())
	}
	return bytes
}

package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collector returns memory to the system that the process does not need any more. Go collects garbage when the heap has
// grown. After a load has ended it does not grow, so that all of it would be kept for minutes.
//
// A collection costs what is in use, and there is one only when that is less than what is freed, by estimate. When the
// estimate was wrong, the next one is put off.
type collector struct {
	next  time.Time     // no collection before
	pause time.Duration // after the last one
}

const (
	collectorInterval = 500 * time.Millisecond
	collectorShare    = 20       // it takes at most a part of this many of the time
	collectorSlack    = 24 << 20 // bytes that are not worth a collection

	shortestCollectorPause, longestCollectorPause = collectorInterval, 2 * time.Minute
)

// run collects until ctx ends. estimate returns how many bytes the process should take.
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

// due reports whether to collect, when the heap takes so many bytes of the system's memory.
func (c *collector) due(taken, estimate int64, now time.Time) bool {
	return taken > estimate+estimate/2+collectorSlack && !now.Before(c.next)
}

// collected notes what a collection has come to.
func (c *collector) collected(before, after int64, began, ended time.Time) {
	if after > before-before/4 {
		c.pause = min(2*c.pause, longestCollectorPause)
	} else {
		c.pause = 0
	}
	c.pause = max(c.pause, collectorShare*ended.Sub(began), shortestCollectorPause)
	c.next = ended.Add(c.pause)
}

// heapTaken is how many bytes of the system's memory the heap takes.
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

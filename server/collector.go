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
// frees more than that, and waits longer after each collection that freed little. While the process allocates little, a
// collection delays nothing, and less memory is worth one: the heap of a growing crowd has up to as much garbage as live
// objects, and keeps it when the crowd is complete.
type collector struct {
	next  time.Time     // earliest time of the next collection
	pause time.Duration // after the last collection

	busy      time.Time // when the process last allocated quietBytes within quietTime
	allocated int64     // bytes, until then
}

// heap is the state of the heap, in bytes.
type heap struct {
	taken     int64 // from the system
	live      int64 // after the last collection
	allocated int64 // since the start of the process
}

const (
	collectorInterval = 500 * time.Millisecond
	collectorShare    = 20       // collections use at most 1/collectorShare of the time
	collectorSlack    = 24 << 20 // bytes; less is not worth a collection

	quietTime  = 3 * time.Second
	quietBytes = 1 << 20
	quietSlack = 2 << 20 // bytes; less is not worth a collection in a quiet process

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
		if before, began := readHeap(), time.Now(); c.due(before, estimate(), began) {
			debug.FreeOSMemory()
			c.collected(before.taken, readHeap().taken, began, time.Now())
		}
	}
}

// due reports whether to start a collection.
func (c *collector) due(h heap, estimate int64, now time.Time) bool {
	quiet := c.isQuiet(h.allocated, now)
	if now.Before(c.next) {
		return false
	}
	return h.taken > estimate+estimate/2+collectorSlack || quiet && h.taken > h.live+h.live/4+quietSlack
}

// isQuiet reports whether the process has allocated little for a while.
func (c *collector) isQuiet(allocated int64, now time.Time) bool {
	if allocated-c.allocated > quietBytes {
		c.busy, c.allocated = now, allocated
	}
	return now.Sub(c.busy) >= quietTime
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

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
	return heap{taken: value(0) + value(1) + value(2), live: value(3), allocated: value(4)}
}

package retained_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core/retained"
)

func TestReleasedMemoryIsCountedUntilFreed(t *testing.T) {
	var c retained.Counter
	part := dropAll(&c)
	if got := c.Bytes(); got != 110<<10 {
		t.Fatalf("%d bytes are counted", got)
	}
	for deadline := time.Now().Add(10 * time.Second); c.Bytes() != 100<<10; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are counted when 100 KiB are held", c.Bytes())
		}
	}
	runtime.KeepAlive(part)
	for deadline := time.Now().Add(10 * time.Second); c.Bytes() != 0; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are counted when nothing is held", c.Bytes())
		}
	}
}

// dropAll drops slices of 110 KiB, and returns a part of the one with 100 KiB.
func dropAll(c *retained.Counter) (part []byte) {
	kept := make([]byte, 100<<10)
	c.Dropped(kept)
	c.Dropped(make([]byte, 10<<10))
	c.Dropped(make([]byte, 1)) // too small
	return kept[50<<10 : 60<<10]
}

func TestGarbageIsCountedUntilTheCollectorHasRun(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // only the test runs the collector
	runtime.GC()
	var g retained.Garbage
	for range 2 {
		g.Add(100)
		g.Add(20)
		if got := g.Bytes(); got != 120 {
			t.Fatalf("%d bytes are counted", got)
		}
		for deadline := time.Now().Add(10 * time.Second); g.Bytes() != 0; time.Sleep(time.Millisecond) {
			runtime.GC()
			if time.Now().After(deadline) {
				t.Fatalf("%d bytes are counted after a collection", g.Bytes())
			}
		}
	}
}

// Package retained counts memory that its owner has let go of, and that somebody may still hold: a reader that is slow to
// take an older version of what is shared.
package retained

import (
	"runtime"
	"sync/atomic"
)

// Counter counts bytes until the garbage collector has freed them. The zero value is ready; its methods may be called from
// any goroutine.
type Counter struct{ bytes atomic.Int64 }

// smallest is the least that is counted: less is not worth the bookkeeping.
const smallest = 4 << 10

// Dropped counts the memory behind a slice, which must begin where it was allotted, until nobody holds it any more. It is
// called once for each slice.
func (c *Counter) Dropped(b []byte) {
	if cap(b) < smallest {
		return
	}
	n := int64(cap(b))
	c.bytes.Add(n)
	runtime.AddCleanup(&b[:1][0], func(n int64) { c.bytes.Add(-n) }, n)
}

// Bytes is how much was dropped and has not been freed.
func (c *Counter) Bytes() int64 { return c.bytes.Load() }

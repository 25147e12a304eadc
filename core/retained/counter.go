// Package retained counts memory that its owner has released and that is not free yet: old versions of shared documents that
// slow readers still reference, and garbage that is not collected.
package retained

import (
	"runtime"
	"sync/atomic"
)

// Counter counts released bytes until the garbage collector frees them. The zero value is ready to use. Its methods are safe
// for concurrent use.
type Counter struct{ bytes atomic.Int64 }

// smallest is the smallest capacity that is counted; the count of smaller slices would cost more than it tells.
const smallest = 4 << 10

// Dropped counts the capacity of a slice until its memory is unreachable. The slice must start at the beginning of its
// allocation, and may be passed once.
func (c *Counter) Dropped(b []byte) {
	if cap(b) < smallest {
		return
	}
	n := int64(cap(b))
	c.bytes.Add(n)
	runtime.AddCleanup(&b[:1][0], func(n int64) { c.bytes.Add(-n) }, n)
}

// Bytes returns the bytes that are counted now.
func (c *Counter) Bytes() int64 { return c.bytes.Load() }

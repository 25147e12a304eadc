package budget

import (
	"context"
	"runtime"
	"time"
)

// Decoding is a semaphore for large bodies that are being decoded, since each takes many times its size. Small bodies do
// not wait.
type Decoding chan struct{}

// NewDecoding returns a semaphore for half of the processors.
func NewDecoding() Decoding { return make(Decoding, max(1, runtime.GOMAXPROCS(0)/2)) }

// decodingTimeout is the maximum wait. Decoding a large body takes about 10 ms.
const decodingTimeout = 5 * time.Second

// Acquire waits until a body of a size may be decoded. It fails with ErrExhausted after five seconds.
func (d Decoding) Acquire(ctx context.Context, size int) (release func(), err error) {
	if size <= SmallBody {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, decodingTimeout, ErrExhausted)
	defer cancel()
	select {
	case d <- struct{}{}:
		return func() { <-d }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

package core

import (
	"context"
	"time"
)

type progressKey struct{}

// Progress restarts the timeout of a call that has this context. Stores call it for rows and loaders for bytes that arrive.
// So the timeout limits the time without progress, and a large response over a slow connection succeeds. Progress does
// nothing for a context that core did not create.
func Progress(ctx context.Context) {
	if moved, ok := ctx.Value(progressKey{}).(func()); ok {
		moved()
	}
}

// withProgress returns a context that ends after a time without Progress. Its cause is then context.DeadlineExceeded.
func withProgress(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	timer := time.AfterFunc(limit, func() { cancel(context.DeadlineExceeded) })
	ctx = context.WithValue(ctx, progressKey{}, func() {
		if ctx.Err() == nil {
			timer.Reset(limit)
		}
	})
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

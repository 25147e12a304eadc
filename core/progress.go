package core

import (
	"context"
	"time"
)

type progressKey struct{}

// Progress notes that a call which has this context goes on. Stores call it as rows come, and loaders as bytes come: the
// limit of such a call is for the time without progress, so that a large answer over a slow link arrives. It does nothing
// for other contexts.
func Progress(ctx context.Context) {
	if moved, ok := ctx.Value(progressKey{}).(func()); ok {
		moved()
	}
}

// withProgress returns a context that ends when there was no Progress for a time. Its cause is then
// context.DeadlineExceeded.
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

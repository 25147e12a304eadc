package core

import (
	"context"
	"fmt"
	"time"
)

// worker controls one of a hub's goroutines: it wakes the goroutine, ends it, and waits for the end.
type worker struct {
	ctx    context.Context // cancelled when the goroutine has to give up
	cancel context.CancelFunc
	done   chan struct{} // closed by the goroutine when it ends
	wake   chan struct{} // has a token when there may be something to do
}

func newWorker() worker {
	ctx, cancel := context.WithCancel(context.Background())
	return worker{ctx: ctx, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// notify wakes the goroutine.
func (w *worker) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it has a token already
	}
}

// sleep waits until the goroutine is woken, for at most d, and reports whether the goroutine continues. The end of d wakes it, too, so
// that there is no choice between channels: one that is ready would delay another for any time.
func (w *worker) sleep(d time.Duration) bool {
	timer := time.AfterFunc(d, w.notify)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-w.ctx.Done():
	}
	return w.ctx.Err() == nil
}

// call makes one call of the store with a timeout.
func (w *worker) call(timeout time.Duration, use func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	defer cancel()
	return use(ctx)
}

// shutdown wakes the goroutine, which sees that it has to end, and waits for it. When ctx ends first, the goroutine gives up
// and shutdown returns an error.
func (w *worker) shutdown(ctx context.Context, doing string) error {
	w.notify()
	unhook := context.AfterFunc(ctx, w.cancel)
	defer unhook()
	defer w.cancel()
	<-w.done
	if w.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return nil
}

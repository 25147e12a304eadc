package core

import (
	"context"
	"fmt"
)

// worker is the life of one of a hub's goroutines: how it is woken, told to end, and waited for.
type worker struct {
	life context.Context // ends when the goroutine has to give up
	stop context.CancelFunc
	done chan struct{} // closed by the goroutine when it has ended
	wake chan struct{} // has a token when there may be something to do
}

func newWorker() worker {
	life, stop := context.WithCancel(context.Background())
	return worker{life: life, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1)}
}

func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // it has a token already
	}
}

// finish wakes the goroutine, which has been told to end, and waits for it. When ctx ends first it has to give up.
func (w *worker) finish(ctx context.Context, doing string) error {
	w.nudge()
	unhook := context.AfterFunc(ctx, w.stop)
	defer unhook()
	defer w.stop()
	<-w.done
	if w.life.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return nil
}

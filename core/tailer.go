package core

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// tailer is the goroutine that reads the log tail, so that open rooms get the batches that other servers commit.
type tailer struct {
	worker
	hub   *Hub
	began time.Time
	read  atomic.Int64 // when the tail was last read: a time.Duration since began, because wall clocks jump
	held  atomic.Int64 // result of Tail.Held

	// Only the goroutine uses these.
	store  Store // of the tail
	tail   Tail
	failed bool // the last read failed
}

func newTailer(h *Hub) *tailer {
	return &tailer{worker: newWorker(), hub: h, began: time.Now()}
}

func (t *tailer) close() {
	t.cancel()
	<-t.done
}

func (t *tailer) run() {
	defer close(t.done)
	for {
		wait := t.interval()
		if t.next() {
			wait = 0
		}
		if !t.sleep(wait) {
			return
		}
	}
}

// tailWithBus is the time between two reads of the tail while other servers send their batches.
const tailWithBus = 2 * time.Second

func (t *tailer) interval() time.Duration {
	if t.hub.cfg.Bus != nil && t.hub.cfg.Bus.Healthy() {
		return max(t.hub.cfg.TailInterval, tailWithBus)
	}
	return t.hub.cfg.TailInterval
}

// next reads the tail once, and reports whether there is more to read.
func (t *tailer) next() (more bool) {
	store, reopening := t.hub.current()
	if reopening {
		return false
	}
	err := t.call(t.hub.cfg.StoreTimeout, func(ctx context.Context) (err error) {
		if t.tail == nil || t.store != store {
			return t.open(ctx, store)
		}
		more, err = t.pass(ctx)
		return err
	})
	switch {
	case t.ctx.Err() != nil:
		return false
	case err == nil:
		t.failed = false
		t.read.Store(int64(time.Since(t.began)))
		return more
	case errors.Is(err, ErrHistoryChanged):
		t.hub.startReopen(store, err)
	case errors.Is(err, ErrTailLost):
		t.hub.cfg.Log.Warn("the log tail is opened again; open rooms are compared with the log", "error", err)
		t.tail = nil
	case !t.failed:
		t.hub.cfg.Log.Warn("the log tail cannot be read; retrying", "error", err, reported(err))
	}
	t.failed = true
	return false
}

// open opens the tail. Rooms that are open or being opened are compared with the log.
func (t *tailer) open(ctx context.Context, store Store) error {
	tail, err := store.OpenTail(ctx)
	if err != nil {
		return err
	}
	t.store, t.tail = store, tail
	t.hub.compareWithLog(store)
	return nil
}

// pass passes the next entries on to the open rooms, of each room the last one.
func (t *tailer) pass(ctx context.Context) (more bool, err error) {
	entries, more, err := t.tail.Next(ctx)
	t.held.Store(int64(t.tail.Held()))
	if err != nil {
		return false, err
	}
	heads := make(map[string]int64, min(len(entries), 64))
	for _, e := range entries {
		heads[e.Room] = max(heads[e.Room], e.ServerSeq)
	}
	for _, e := range entries {
		if heads[e.Room] == e.ServerSeq {
			t.hub.heard(t.store, e.Room, e.ServerSeq, nil)
		}
	}
	return more, nil
}

// maxTailLag: one of several servers that has not read the tail for longer is not ready.
const maxTailLag = 10 * time.Second

// lag returns for how long the tail has not been read, beyond its interval.
func (t *tailer) lag() time.Duration {
	return max(0, time.Since(t.began)-time.Duration(t.read.Load())-t.interval())
}

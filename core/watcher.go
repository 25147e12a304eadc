package core

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// watcher checks now and then that the database can be used and still holds the history that is served. It finds out
// what an idle server would not notice before the next write. It is one goroutine.
type watcher struct {
	worker
	hub *Hub
	// gone: the database was not in its place at the last check. Writes are refused at once instead of waiting for it.
	gone atomic.Bool
}

func newWatcher(h *Hub) *watcher { return &watcher{worker: newWorker(), hub: h} }

func (w *watcher) close() {
	w.stop()
	<-w.done
}

func (w *watcher) run() {
	defer close(w.done)
	tick := time.NewTicker(w.hub.cfg.WatchInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.check()
		case <-w.life.Done():
			return
		}
	}
}

func (w *watcher) check() {
	w.hub.mu.Lock()
	now, left := w.hub.history, w.hub.left != nil
	w.hub.mu.Unlock()
	if left {
		return // the history that the database has now is being opened
	}
	ctx, cancel := context.WithTimeout(w.life, w.hub.cfg.StoreTimeout)
	defer cancel()
	if err := now.check(ctx); w.life.Err() == nil {
		w.found(now.store, err)
	}
}

// found takes in the outcome of a check.
func (w *watcher) found(store Store, err error) {
	switch {
	case errors.Is(err, ErrHistoryChanged):
		w.hub.leave(store, err)
	case errors.Is(err, ErrGone):
		if !w.gone.Swap(true) {
			w.hub.cfg.Log.Error("the database is gone; writes are refused until it is back", "error", err)
		}
	case err == nil:
		if w.gone.Swap(false) {
			w.hub.cfg.Log.Info("the database is back")
		}
	}
}

// check expects the epoch in the database, and the last batch that was seen there.
func (h history) check(ctx context.Context) error {
	if err := h.store.Ping(ctx); err != nil || h.witness.seq == 0 {
		return err
	}
	head, err := h.store.Head(ctx, h.witness.room)
	if err == nil && head < h.witness.seq {
		err = fmt.Errorf("%w: the log of room %q ends with batch %d, and had batch %d", ErrHistoryLost, h.witness.room, head, h.witness.seq)
	}
	return err
}

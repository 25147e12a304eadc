package core

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// watcher is the goroutine that checks every Config.WatchInterval whether the database responds and still has the current
// history. Without it, an idle server would notice a change only at its next write.
type watcher struct {
	worker
	hub  *Hub
	gone atomic.Bool // the last check returned ErrGone: writes are refused at once
}

func newWatcher(h *Hub) *watcher { return &watcher{worker: newWorker(), hub: h} }

func (w *watcher) close() {
	w.cancel()
	<-w.done
}

func (w *watcher) run() {
	defer close(w.done)
	tick := time.NewTicker(w.hub.cfg.WatchInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = w.check(w.ctx) // record acts on it
		case <-w.ctx.Done():
			return
		}
	}
}

// check checks the current history, and acts on the result. The error is ErrHistoryChanged while the store is being reopened.
func (w *watcher) check(ctx context.Context) error {
	w.hub.mu.Lock()
	now, reopening := w.hub.history, w.hub.reopening != nil
	w.hub.mu.Unlock()
	if reopening {
		return ErrHistoryChanged
	}
	limited, cancel := context.WithTimeout(ctx, w.hub.cfg.StoreTimeout)
	defer cancel()
	err := now.check(limited)
	if ctx.Err() == nil {
		w.record(now.store, err)
	}
	return err
}

// record acts on the error of a store call. It does nothing for a store that is not the current one any more.
func (w *watcher) record(store Store, err error) {
	if errors.Is(err, ErrHistoryChanged) {
		w.hub.startReopen(store, err)
		return
	}
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	switch {
	case w.hub.history.store != store:
	case errors.Is(err, ErrGone):
		if !w.gone.Swap(true) {
			w.hub.cfg.Log.Error("database is missing; writes are refused until it is back", "error", err)
		}
	case err == nil:
		if w.gone.Swap(false) {
			w.hub.cfg.Log.Info("database is back")
		}
	}
}

// check verifies the epoch in the database, and that it still has the last batch that this process has seen. In a restored backup, another
// server may have committed others in its place.
func (h history) check(ctx context.Context) error {
	if err := h.store.Ping(ctx); err != nil || h.lastSeen.seq == 0 {
		return err
	}
	last := h.lastSeen
	found, err := h.store.Oldest(ctx, last.room, last.seq-1, Bounds{Rows: 1, Bytes: 1})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("%w: the log of room %q ends before batch %d, which it had", ErrHistoryLost, last.room, last.seq)
	case found[0].ServerSeq == last.seq && found[0].ServerTs != last.ts: // a later one: it was pruned
		return fmt.Errorf("%w: batch %d of room %q is another one than it was", ErrHistoryLost, last.seq, last.room)
	}
	return nil
}

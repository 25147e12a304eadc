package core

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core/retained"
)

// Hub holds the open rooms of one database and the goroutines that serve them: the committer, which makes batches durable;
// the checkpointer, which writes document rows and closes idle rooms; the pruner, which shortens the log; the watcher, which
// checks the database; and the tailer, which reads what other servers commit. Its methods are safe for concurrent use.
type Hub struct {
	cfg          Config
	committer    *committer
	checkpointer *checkpointer
	pruner       *pruner
	watcher      *watcher
	tailer       *tailer
	cluster      *cluster

	opening   sync.WaitGroup  // goroutines that open rooms, bring them up to the log, commit for other servers, or reopen the store
	readSlots chan struct{}   // one token for each room that is being read from the store
	loadSlots chan struct{}   // one token for each call of the InitialStateLoader
	ctx       context.Context // ends the opening of rooms and the reopening of the store
	cancel    context.CancelFunc
	memory    atomic.Int64 // sum of Room.memory, and of initial states being written
	external  atomic.Pointer[func() (used, retained, garbage int64)]
	retained  retained.Counter // old versions of documents and lists that readers may still hold

	mu        sync.Mutex
	history   history
	reopening chan struct{} // nil: the store is open. Closed after the first attempt to reopen it
	rooms     map[string]*slot
	openings  openings   // of rooms
	unused    *list.List // of *slot: rooms without users, by the time since when they are unused
	// accountRooms counts the open rooms of each account.
	accountRooms map[string]int
	cleared      time.Time // when unused rooms were last closed for lack of space
	warned       time.Time // when the lack of space was last logged
	closing      bool
}

// NewHub returns a hub and starts its goroutines. Close ends them.
func NewHub(cfg Config) *Hub {
	cfg = cfg.WithDefaults()
	h := &Hub{
		cfg: cfg, history: history{store: cfg.Store, fromStart: cfg.Store.Created()},
		rooms: map[string]*slot{}, unused: list.New(), accountRooms: map[string]int{},
		readSlots: make(chan struct{}, maxConcurrentReads), loadSlots: make(chan struct{}, maxConcurrentLoads),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.committer = newCommitter(&h.cfg)
	h.checkpointer = newCheckpointer(h)
	h.pruner = newPruner(h)
	h.watcher = newWatcher(h)
	h.tailer = newTailer(h)
	h.cluster = newCluster(h, cfg.Bus)
	go h.committer.run()
	go h.checkpointer.run()
	go h.pruner.run()
	go h.watcher.run()
	go h.tailer.run()
	if cfg.Bus != nil {
		go h.cluster.membership.run()
		h.opening.Go(func() { h.cluster.runDigests(h.ctx) })
	}
	return h
}

// Close refuses new batches, commits the pending ones, writes the document rows and ends the hub's goroutines. It gives up
// when ctx ends; the log has every acknowledged batch in any case. A second call does nothing.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	again := h.closing
	h.closing = true
	h.mu.Unlock()
	if again {
		return nil
	}
	h.cancel()
	h.opening.Wait()
	h.cluster.leave(ctx)
	h.tailer.close()
	h.pruner.close()
	h.watcher.close()
	err := errors.Join(h.committer.close(ctx), h.checkpointer.close(ctx))
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.rooms {
		if s.room != nil {
			s.room.close()
		}
		h.dropLocked(s)
	}
	if h.watcher.gone.Load() {
		err = errors.Join(err, ErrGone) // acknowledged batches may be in a file that was unlinked
	}
	if h.history.store != h.cfg.Store { // the caller closes the store that it opened
		err = errors.Join(err, h.history.store.Close())
	}
	return err
}

// background runs a function that ends with the hub's context in a goroutine for which Close waits. It does nothing and
// returns false while the hub is closing.
func (h *Hub) background(run func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return false
	}
	h.opening.Go(run)
	return true
}

// Epoch returns the epoch of the database's current history. A room and its events have the epoch of Room.Epoch.
func (h *Hub) Epoch() string { return h.store().Epoch() }

// Ping reports whether the database can be used and, with a Config.Bus, whether this server sees what others commit. Its error
// wraps ErrUnavailable or ErrHistoryChanged.
func (h *Hub) Ping(ctx context.Context) error {
	store, reopening := h.current()
	if reopening {
		return ErrHistoryChanged
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.StoreTimeout)
	defer cancel()
	err := store.Ping(ctx)
	h.watcher.record(store, err)
	if lag := h.tailer.lag(); err == nil && h.shared() && lag > maxTailLag {
		return fmt.Errorf("%w: the log tail was last read %v ago", ErrUnavailable, lag.Round(time.Second))
	}
	return h.storeError(store, err, "pinging the database")
}

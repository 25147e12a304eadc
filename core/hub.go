package core

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core/retained"
)

// Errors of a Hub and its rooms, besides those of the Store.
var (
	// ErrUnavailable: the database cannot be used now. Whatever was asked for may be asked for again.
	ErrUnavailable = errors.New("the database is not available")
	// ErrOverloaded: a queue or a table is full.
	ErrOverloaded = errors.New("the server has too much to do")
	// ErrTooManyRooms: an account has as many rooms open as it may.
	ErrTooManyRooms = errors.New("too many rooms are open on one account")
	// ErrNoInitialState: it cannot be found out now what a room begins with. Whoever wants the room may come again.
	ErrNoInitialState = errors.New("what this room begins with cannot be found out")
	// ErrClosing: the server is shutting down.
	ErrClosing = errors.New("the server is shutting down")
	// ErrClientSeqReused: a clientSeq comes again with other content.
	ErrClientSeqReused = errors.New("this clientSeq was used for another batch")
	// ErrClientSeqPassed: a higher clientSeq of this client is in the room's log already, and this one is not. Nothing of
	// the batch was applied; its content may be sent under a new number.
	ErrClientSeqPassed = errors.New("a later batch of this client is committed already")
)

// Config is what a Hub needs. Zero values stand for the defaults named.
type Config struct {
	Store Store // required
	// Listen makes the listener of a room when it is opened at a serverSeq of the history that an epoch names. Required.
	Listen func(room, epoch string, seq int64) Listener
	Log    *slog.Logger // default: none
	// Recorder measures. Default: nobody does.
	Recorder Recorder
	// InitialState knows what new rooms begin with. Default: with nothing.
	InitialState InitialStateLoader

	CommitWindow        time.Duration // batches are gathered so long before each transaction; 0: no longer than the last took
	ServerBatch         time.Duration // longest time a document row is behind the log; 1.5 s
	PresenceTimeout     time.Duration // lease of a client without a stream; 15 s
	PresenceWindow      time.Duration // presence changes are gathered so long; 50 ms
	RoomIdle            time.Duration // a room that nobody uses is closed after so long; 60 s
	StoreTimeout        time.Duration // limit of one call of the store; 10 s
	SubmitTimeout       time.Duration // longest wait of a batch for its commit; 10 s
	PredecessorTimeout  time.Duration // longest wait of a batch for the one that it names as its predecessor; 2 s
	InitialStateTimeout time.Duration // longest wait for what a room begins with, without Progress; 5 s
	MaxRooms            int           // open at a time; 100,000
	MemoryBudget        int64         // bytes of memory, estimated, beyond which no other room is opened; 0: without bound
	MaxQueuedBytes      int           // of batches that wait for their commit; 256 MiB
	MaxDocumentBytes    int           // encoded size of one document; 8 MiB
	MaxDocuments        int           // of one room; 10,000
	MaxPresence         int           // clients present in one room; 10,000
	Retention           Retention     // what of the log is kept; all of it
	PruneInterval       time.Duration // between rounds over the log; 1 min
	WatchInterval       time.Duration // between checks of the database; 0.5 s
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Recorder == nil {
		c.Recorder = nopRecorder{}
	}
	setDefault(&c.ServerBatch, 1500*time.Millisecond)
	setDefault(&c.PresenceTimeout, 15*time.Second)
	setDefault(&c.PresenceWindow, 50*time.Millisecond)
	setDefault(&c.RoomIdle, time.Minute)
	setDefault(&c.StoreTimeout, 10*time.Second)
	setDefault(&c.SubmitTimeout, 10*time.Second)
	setDefault(&c.PredecessorTimeout, 2*time.Second)
	setDefault(&c.InitialStateTimeout, 5*time.Second)
	setDefault(&c.MaxRooms, 100_000)
	setDefault(&c.MaxQueuedBytes, 256<<20)
	setDefault(&c.MaxDocumentBytes, 8<<20)
	setDefault(&c.MaxDocuments, 10_000)
	setDefault(&c.MaxPresence, 10_000)
	setDefault(&c.PruneInterval, time.Minute)
	setDefault(&c.WatchInterval, 500*time.Millisecond)
	return c
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Listener is told what happens in one room, in order, and passes it on to the room's readers. Its methods are called
// under the room's lock: they must neither block nor call the room.
type Listener interface {
	// Committed is told the batches that have just become part of the room's history.
	Committed(batches []*Batch)
	// PresenceChanged is told who came, changed and left.
	PresenceChanged(change PresenceChange)
	// Bytes is how much memory it takes to tell them.
	Bytes() int
	// Closed is told that the room is closed and nothing more will come. err says why; it is nil when the room was
	// merely idle, and then nobody reads it.
	Closed(err error)
}

// Hub holds the rooms that are open, and the goroutines that serve them all: the committer, which makes batches
// durable, the checkpointer, which writes document rows and closes idle rooms, the pruner, which shortens the log, and the
// watcher, which checks the database.
type Hub struct {
	cfg          Config
	committer    *committer
	checkpointer *checkpointer
	pruner       *pruner
	watcher      *watcher

	opening  sync.WaitGroup  // goroutines that open rooms, or the store again
	reading  chan struct{}   // has a token for each room that is being read from the store
	asking   chan struct{}   // has a token for each question about an initial state
	life     context.Context // ends when no more of them are to be asked
	stop     context.CancelFunc
	memory   atomic.Int64 // bytes that all rooms weigh
	others   atomic.Pointer[func() (used, retained, garbage int64)]
	retained retained.Counter // versions of documents and lists that readers may still hold

	mu      sync.Mutex
	history history
	left    chan struct{} // not nil while the store is being opened again; closed after the first attempt
	rooms   map[string]*slot
	unused  *list.List     // of *slot: those that nobody has acquired, unused for longest first
	booked  map[string]int // rooms open on each account that has any
	cleared time.Time      // when unused rooms were last closed to make room
	warned  time.Time      // when it was last logged that no other can be opened
	closing bool
}

// Account is somebody on whose behalf rooms are opened.
type Account struct {
	Name     string
	MaxRooms int // open at a time
}

// slot is a room's place in the hub, from the moment that somebody asks for it.
type slot struct {
	opened chan struct{} // closed when room or err is there
	room   *Room
	err    error
	name   string
	users  int           // who has acquired the room and not released it
	unused time.Time     // since when users is 0, or when the room was last found to be in use all the same
	place  *list.Element // in Hub.unused; nil while it is acquired or being opened

	accounts []Account // of whoever was the first to ask for it
}

// retryOpening is how long everybody who asks for a room that could not be opened gets the same answer, so that a
// damaged room or a database outage costs one attempt and one log line a second, and not one a request.
const retryOpening = time.Second

// NewHub makes a hub and starts its goroutines. Close ends them.
func NewHub(cfg Config) *Hub {
	cfg = cfg.withDefaults()
	h := &Hub{cfg: cfg, history: history{store: cfg.Store, watched: cfg.Store.Created()}, rooms: map[string]*slot{}, unused: list.New(), booked: map[string]int{}, asking: make(chan struct{}, maxInitialQuestions), reading: make(chan struct{}, maxReading)}
	h.life, h.stop = context.WithCancel(context.Background())
	h.committer = newCommitter(&h.cfg)
	h.checkpointer = newCheckpointer(h)
	h.pruner = newPruner(h)
	h.watcher = newWatcher(h)
	go h.committer.run()
	go h.checkpointer.run()
	go h.pruner.run()
	go h.watcher.run()
	return h
}

// Close refuses new batches, commits those that are waiting, writes the document rows and ends the hub's goroutines.
// The context limits how long it tries; the log has every accepted batch in any case. A second call does nothing.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	again := h.closing
	h.closing = true
	h.mu.Unlock()
	if again {
		return nil
	}
	h.stop()
	h.opening.Wait()
	h.pruner.close()
	h.watcher.close()
	err := errors.Join(h.committer.close(ctx), h.checkpointer.close(ctx))
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.rooms {
		if s.room != nil {
			s.room.close(nil)
		}
		h.drop(s)
	}
	if h.watcher.gone.Load() {
		err = errors.Join(err, ErrGone) // what was acknowledged before may be in a file that has no name any more
	}
	if h.history.store != h.cfg.Store { // the caller closes only the one that it opened
		err = errors.Join(err, h.history.store.Close())
	}
	return err
}

// Epoch names the history of the hub's database. What belongs to a room has the epoch of the room.
func (h *Hub) Epoch() string { return h.store().Epoch() }

// Ping reports whether the database can be used, as an error that wraps ErrUnavailable or ErrHistoryChanged.
func (h *Hub) Ping(ctx context.Context) error {
	h.mu.Lock()
	store, left := h.history.store, h.left != nil
	h.mu.Unlock()
	if left {
		return ErrHistoryChanged
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.StoreTimeout)
	defer cancel()
	err := store.Ping(ctx)
	h.watcher.found(store, err)
	return h.explain(store, err, "asking the database")
}

// openPatience is how long a request waits for a room that is being opened. Opening goes on without it: a large room may be read
// over a slow link.
const openPatience = 15 * time.Second

// Room returns a room, opened if need be, and a function that releases it. While it is held it stays open. However many
// ask for a room at once, it is opened once; it is on the accounts of the first of them until it is closed.
func (h *Hub) Room(ctx context.Context, name string, accounts ...Account) (*Room, func(), error) {
	s, err := h.acquire(name, accounts)
	if err != nil {
		return nil, nil, err
	}
	release := sync.OnceFunc(func() { h.release(s) })
	if err = s.wait(ctx); err == nil {
		return s.room, release, nil
	}
	release()
	return nil, nil, err
}

// wait returns when the room has been opened, or why it is not there.
func (s *slot) wait(ctx context.Context) error {
	select {
	case <-s.opened:
		return s.err
	default:
	}
	patience := time.NewTimer(openPatience)
	defer patience.Stop()
	select {
	case <-s.opened:
		return s.err
	case <-patience.C:
		return fmt.Errorf("%w: the room is still being read", ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// OpenRoom is Room for a room that is open already. ok is false when it is not.
func (h *Hub) OpenRoom(name string) (r *Room, release func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.rooms[name]
	if s == nil || s.room == nil || h.closing {
		return nil, nil, false
	}
	h.use(s)
	return s.room, sync.OnceFunc(func() { h.release(s) }), true
}

func (h *Hub) acquire(name string, accounts []Account) (*slot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, ErrClosing
	}
	if h.left != nil {
		return nil, ErrHistoryChanged
	}
	s := h.rooms[name]
	if s == nil || s.stale(time.Now()) {
		if s != nil {
			h.drop(s)
		}
		for _, a := range accounts {
			if h.booked[a.Name] >= a.MaxRooms {
				return nil, ErrTooManyRooms
			}
		}
		if !h.hasRoom(time.Now()) {
			return nil, fmt.Errorf("%w: %d rooms are open and take about %d bytes", ErrOverloaded, len(h.rooms), h.used())
		}
		s = &slot{name: name, opened: make(chan struct{}), accounts: accounts}
		h.rooms[name] = s
		for _, a := range accounts {
			h.booked[a.Name]++
		}
		h.opening.Go(func() { h.open(name, s) })
	}
	h.use(s)
	return s, nil
}

// use counts a user of a room. The lock is held.
func (h *Hub) use(s *slot) {
	s.users++
	h.unlist(s)
}

// list puts a room among those that are not used, as the one used last. The lock is held.
func (h *Hub) list(s *slot, now time.Time) {
	s.unused = now
	if h.rooms[s.name] == s && s.place == nil {
		s.place = h.unused.PushBack(s)
	}
}

func (h *Hub) unlist(s *slot) {
	if s.place != nil {
		h.unused.Remove(s.place)
		s.place = nil
	}
}

// drop takes a room out of the hub, and off its accounts. The lock is held.
func (h *Hub) drop(s *slot) {
	delete(h.rooms, s.name)
	h.unlist(s)
	for _, a := range s.accounts {
		if h.booked[a.Name]--; h.booked[a.Name] == 0 {
			delete(h.booked, a.Name)
		}
	}
}

// clearEvery bounds how often all open rooms are looked through while there are as many as there may be.
const clearEvery = 100 * time.Millisecond

// hasRoom reports whether one more room can be opened, if need be because unused ones are closed before their time.
func (h *Hub) hasRoom(now time.Time) bool {
	if h.full() && now.Sub(h.cleared) >= clearEvery {
		h.cleared = now
		h.closeUnused(now)
	}
	if !h.full() {
		return true
	}
	if now.Sub(h.warned) >= time.Minute {
		h.warned = now
		h.cfg.Log.Warn("no other room can be opened; those that are open are in use", "rooms", len(h.rooms), "bytes", h.used())
	}
	return false
}

// full reports whether there are as many rooms as there may be, or they take the memory that they may. The lock is held.
func (h *Hub) full() bool { return len(h.rooms) >= h.cfg.MaxRooms || h.short() }

// short reports whether rooms take the memory that they may. Those that are open go on growing, each within its own
// bounds: a batch is never refused for what other rooms take.
func (h *Hub) short() bool {
	return h.cfg.MemoryBudget > 0 && h.used() >= h.cfg.MemoryBudget
}

// used is about how many bytes the process takes for rooms, batches that wait, and what CountMemory has added.
func (h *Hub) used() int64 {
	used, _, _ := h.outside()
	return withGarbage(h.memory.Load() + h.committer.queuedBytes() + used)
}

// withGarbage is what a process takes for so many bytes in use: the garbage collector lets the heap grow to twice of that
// before it frees what is not.
func withGarbage(bytes int64) int64 { return bytes * 8 / 5 }

// estimate is about how many bytes the process takes. After a load has ended, the garbage that it left is more than what
// usually comes with the bytes in use.
func (h *Hub) estimate() int64 {
	used, retained, garbage := h.outside()
	held := h.memory.Load() + h.committer.queuedBytes() + used + h.retained.Bytes() + retained
	return max(withGarbage(held), held+garbage)
}

// CountMemory adds to the memory that the hub knows of what is taken outside of its rooms on behalf of their readers and
// writers. others returns the bytes that are in use, those of older versions that slow readers hold, and those that nothing
// holds and that the garbage collector has not freed; it must be quick. A later call replaces it.
func (h *Hub) CountMemory(others func() (used, retained, garbage int64)) { h.others.Store(&others) }

func (h *Hub) outside() (used, retained, garbage int64) {
	if others := h.others.Load(); others != nil {
		return (*others)()
	}
	return 0, 0, 0
}

// stale reports whether a room has to be opened anew: its last opening failed a while ago, or it was stopped.
func (s *slot) stale(now time.Time) bool {
	if errors.Is(s.err, ErrHistoryChanged) {
		return true
	}
	if s.err != nil {
		return now.Sub(s.unused) >= retryOpening
	}
	return s.room != nil && s.room.stopped.Load() // not Err: its lock may be held for a while
}

func (h *Hub) release(s *slot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	select {
	case <-s.opened:
		since := time.Now()
		if s.err != nil {
			since = s.unused // retryOpening counts from the attempt
		}
		h.list(s, since)
	default: // open lists it
	}
}

// open fills a slot. It is nobody's request in particular, so it has limits of its own.
func (h *Hub) open(name string, s *slot) {
	store := h.store()
	room, err := openRoom(h, store, name)
	if err != nil && !errors.Is(err, ErrHistoryChanged) { // which is in the log already
		h.cfg.Log.Error("a room cannot be opened", "room", name, "error", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && (h.history.store != store || h.left != nil) {
		room.end(ErrHistoryChanged)
		room, err = nil, ErrHistoryChanged
	}
	s.room, s.err, s.unused = room, err, time.Now()
	close(s.opened)
	if s.users == 0 {
		h.list(s, s.unused)
	}
}

// closeIdle closes the rooms that nobody has used for so long and that have nothing left to do. While memory is short,
// it does not matter how long.
func (h *Hub) closeIdle(now time.Time, idle time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.short() {
		idle = 0
	}
	h.closeUnused(now.Add(-idle))
}

// maxLooks bounds how many rooms are looked at under the hub's lock at a time.
const maxLooks = 1000

// closeUnused closes the rooms that nobody has used since a moment, those unused for longest first. A room that has
// something left to do, such as presence or a document row, counts as used now. The lock is held.
func (h *Hub) closeUnused(since time.Time) {
	now := time.Now()
	for range min(h.unused.Len(), maxLooks) {
		s := h.unused.Front().Value.(*slot)
		if s.unused.After(since) {
			return
		}
		if s.err != nil || s.room.closeIfIdle() {
			h.drop(s)
			continue
		}
		h.unlist(s)
		h.list(s, now)
	}
}

// unavailable marks an error of the store as a passing one, unless it has a meaning of its own.
func unavailable(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCorrupt):
		return err
	default:
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
	}
}

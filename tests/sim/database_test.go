package sim

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

var (
	errDown    = errors.New("simulated: the database does not respond")
	errLost    = errors.New("simulated: the connection was lost before the response")
	errCrashed = errors.New("simulated: the server has crashed")
)

// database is the model of the customer's database: a memstore.Store with faults. Every commit is recorded in the history.
type database struct {
	mem     *memstore.Store
	history *history
	running sync.WaitGroup // transactions that commit after their servers have given up

	conflicts atomic.Int64
	restored  atomic.Int64

	mu     sync.Mutex
	faults storeFaults
	down   chan struct{}                // nil: the database responds. Closed when it does so again
	late   map[core.TailEntry]time.Time // when batches become visible in the tail
}

// storeFaults apply to each call. Probabilities are from 0 to 1.
type storeFaults struct {
	latency     time.Duration // longest delay of a call
	failed      float64       // a call fails and has no effect
	lostAnswer  float64       // an append is committed and fails
	givenUp     float64       // an append never responds, and is committed up to 12 s later
	lateInTail  float64       // a batch becomes visible in the tail up to 3 s later, and others before it
	lostTail    float64       // a read of the tail loses the position
	slowReading float64       // the log arrives up to 2 s after it was read
}

func newDatabase(h *history) *database {
	return &database{mem: memstore.New(), history: h, late: map[core.TailEntry]time.Time{}}
}

func (d *database) setFaults(f storeFaults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
}

func (d *database) current() (storeFaults, chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults, d.down
}

// stop makes the database unreachable until start.
func (d *database) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down == nil {
		d.down = make(chan struct{})
	}
}

func (d *database) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		close(d.down)
		d.down = nil
	}
}

// append commits batches, and records them and their time in the tail.
func (d *database) append(ctx context.Context, inner core.Store, batches []*core.Batch, dice *dice, f storeFaults) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := inner.Append(ctx, batches)
	if errors.Is(err, core.ErrConflict) {
		d.conflicts.Add(1)
	}
	if err != nil {
		return err
	}
	d.history.commit(batches)
	for _, b := range batches {
		if dice.chance(f.lateInTail) {
			d.late[core.TailEntry{Room: b.Room, ServerSeq: b.ServerSeq}] = time.Now().Add(dice.duration(0, 3*time.Second))
		}
	}
	return nil
}

// restore replaces the database by a backup, in which the rooms end at heads. No call runs meanwhile.
func (d *database) restore(heads map[string]int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restored.Add(1)
	for room := range d.history.heads() {
		d.mem.Forget(room, heads[room])
	}
	d.history.restore(d.mem.Connect().Epoch(), heads)
}

// link is one server's connection to the database.
type link struct {
	db    *database
	dices *occasions
	name  string        // of the server
	dead  chan struct{} // closed when the server has crashed

	mu     sync.Mutex
	paused chan struct{} // nil: the server runs. Closed when it is resumed
}

// dice returns the dice of a call.
func (l *link) dice(call ...any) *dice { return l.dices.dice(l.name, call) }

func (l *link) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused == nil {
		l.paused = make(chan struct{})
	}
}

func (l *link) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused != nil {
		close(l.paused)
		l.paused = nil
	}
}

// wait waits while the server is paused, as everything in a stopped process does, whatever its deadline.
func (l *link) wait(dice *dice) error {
	l.mu.Lock()
	paused := l.paused
	l.mu.Unlock()
	if paused != nil {
		<-paused
		time.Sleep(dice.duration(0, moment))
	}
	select {
	case <-l.dead:
		return errCrashed
	default:
		return nil
	}
}

// sleep waits for a time, ctx, or the end of the server.
func (l *link) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.dead:
		return errCrashed
	}
}

// begin is the way to the database. It returns the faults of this moment.
func (l *link) begin(ctx context.Context, dice *dice) (storeFaults, error) {
	if err := l.wait(dice); err != nil {
		return storeFaults{}, err
	}
	f, down := l.db.current()
	if err := l.sleep(ctx, dice.duration(0, f.latency)); err != nil {
		return f, err
	}
	if down != nil {
		if dice.chance(0.5) {
			return f, errDown
		}
		select { // the call hangs
		case <-down:
			time.Sleep(dice.duration(0, moment))
			return f, errDown
		case <-ctx.Done():
			return f, ctx.Err()
		case <-l.dead:
			return f, errCrashed
		}
	}
	if _, now := l.db.current(); now != nil || dice.chance(f.failed) { // an outage ends the calls on their way
		return f, errDown
	}
	return f, nil
}

// end is the way back.
func (l *link) end(ctx context.Context, dice *dice) error {
	f, _ := l.db.current()
	if err := l.sleep(ctx, dice.duration(0, f.latency)); err != nil {
		return err
	}
	return l.wait(dice)
}

// call makes a call of the database.
func call[T any](ctx context.Context, l *link, dice *dice, do func() (T, error)) (result T, err error) {
	if _, err = l.begin(ctx, dice); err != nil {
		return result, err
	}
	if result, err = do(); err != nil {
		return result, err
	}
	return result, l.end(ctx, dice)
}

// commitLate appends batches of a server that has given up waiting.
func (l *link) commitLate(inner core.Store, batches []*core.Batch, dice *dice, f storeFaults) {
	copies := make([]*core.Batch, len(batches))
	for i, b := range batches {
		c := *b
		c.Ops = slices.Clone(b.Ops)
		copies[i] = &c
	}
	delay := dice.duration(0, 12*time.Second)
	l.db.running.Go(func() {
		time.Sleep(delay)
		_ = l.db.append(context.Background(), inner, copies, dice, f)
	})
}

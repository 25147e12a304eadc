package core

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"
)

// checkpointer is the goroutine that writes the document rows of changed rooms and closes idle rooms. Rows that are not
// written cost time only: the log has every batch, and a room is opened from its rows and the log after its checkpoint.
//
// The rows of a room are written in several transactions. In between, the row of one document may be ahead of another's by
// any number of batches. The order of three steps makes that safe:
//
//  1. The room's checkpoint is saved before its first row, since a row says nothing about other documents.
//  2. Rows are written.
//  3. The checkpoint is raised to the last batch that the written rows cover.
//
// So a stored checkpoint never exceeds what the rows have, whichever of these transactions fails.
type checkpointer struct {
	worker // woken by close, and when the room that is due first changes
	hub    *Hub

	mu      sync.Mutex
	rooms   priorityQueue[*Room] // rooms with rows or a checkpoint to write, by Room.due
	saving  time.Time            // the earliest due time of the rooms being written; zero: none
	behind  time.Time            // the earliest due time of the rooms that could not be written; zero: none
	refused int                  // documents whose last row the database has rejected
	closing bool

	// Only the goroutine uses these.
	warned     time.Time // when a rejected row was last logged
	unreported int       // rows rejected since then
	failures   int       // consecutive rows that failed alone with an unexplained error
}

// Limits of one transaction. Appends to the log may have to wait for it.
const (
	checkpointRows  = 256
	checkpointBytes = 1 << 20 // of row text; a single row may be larger

	checkpointRooms = 1000 // checkpoints

	// After a transaction, the checkpointer pauses for its duration, up to maxYield, so that rows take at most half of the
	// database's time. It also pauses for bytes/steadyRate, because databases finish some of the work later.
	maxYield   = 100 * time.Millisecond
	steadyRate = 64 << 20 // bytes a second
)

// maxFailures limits the consecutive rows that fail alone with an unexplained error. After that, the error is treated as an
// outage.
const maxFailures = 8

// warnEvery limits how often rejected rows are logged.
const warnEvery = time.Minute

func newCheckpointer(h *Hub) *checkpointer {
	return &checkpointer{worker: newWorker(), hub: h, rooms: priorityQueue[*Room]{
		before: func(a, b *Room) bool { return a.due.Before(b.due) },
		place:  func(r *Room) *int { return &r.duePlace },
	}}
}

// schedule puts a room in the queue for a time, unless it is queued for an earlier one.
func (c *checkpointer) schedule(r *Room, due time.Time) {
	c.mu.Lock()
	if r.duePlace == 0 || due.Before(r.due) {
		r.due = due
		c.rooms.set(r)
	}
	first, _ := c.rooms.first()
	c.mu.Unlock()
	if first == r {
		c.notify()
	}
}

// close writes all rows and ends the goroutine. It gives up when ctx ends.
func (c *checkpointer) close(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	return c.shutdown(ctx, "writing the document rows")
}

func (c *checkpointer) run() {
	defer close(c.done)
	idle := c.hub.cfg.RoomIdle
	every := max(idle/4, time.Millisecond)
	for closeNext := time.Now().Add(every); !c.isClosing(); {
		now := time.Now()
		if !now.Before(closeNext) {
			c.hub.closeIdle(now, idle)
			closeNext = now.Add(every)
		}
		if rooms, next := c.take(now); len(rooms) > 0 {
			c.save(rooms)
		} else {
			c.sleep(min(next, closeNext.Sub(now)))
		}
	}
	c.save(c.takeAll())
}

func (c *checkpointer) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// take takes up to checkpointRooms rooms that are due, and returns the time until the next one is.
func (c *checkpointer) take(now time.Time) (rooms []*Room, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saving = time.Time{}
	for len(rooms) < checkpointRooms {
		r, ok := c.rooms.first()
		if !ok {
			return rooms, time.Hour
		}
		if r.due.After(now) {
			return rooms, r.due.Sub(now)
		}
		if len(rooms) == 0 {
			c.saving = r.due
		}
		c.rooms.remove(r)
		rooms = append(rooms, r)
	}
	return rooms, 0
}

// takeAll takes all queued rooms and makes their rows due.
func (c *checkpointer) takeAll() []*Room {
	c.mu.Lock()
	rooms := slices.Clone(c.rooms.items)
	c.mu.Unlock()
	for _, r := range rooms {
		r.makeDue()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range rooms {
		c.rooms.remove(r)
	}
	return rooms
}

// lag returns the age of the oldest change without its row, without the extra delay of large documents.
func (c *checkpointer) lag(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := c.saving
	if r, ok := c.rooms.first(); ok && (due.IsZero() || r.due.Before(due)) {
		due = r.due
	}
	if !c.behind.IsZero() && (due.IsZero() || c.behind.Before(due)) {
		due = c.behind
	}
	if due.IsZero() {
		return 0
	}
	return max(0, now.Sub(due.Add(-c.hub.cfg.ServerBatch)))
}

// save writes the due rows and the checkpoints of rooms, and schedules what could not be written again.
func (c *checkpointer) save(rooms []*Room) {
	for chunk := range sameHistory(rooms) {
		ok := c.verified() && c.saveCheckpoints(chunk, (*Room).firstCheckpoint) && c.saveRows(chunk) &&
			c.saveCheckpoints(chunk, (*Room).nextCheckpoint)
		c.finishRound(ok)
		for _, r := range chunk {
			r.finishRound(ok)
		}
		if !ok && c.isClosing() {
			return
		}
	}
}

// sameHistory splits rooms into runs of one store with at most checkpointRooms rooms.
func sameHistory(rooms []*Room) iter.Seq[[]*Room] {
	return func(yield func([]*Room) bool) {
		for len(rooms) > 0 {
			n := 1
			for n < min(len(rooms), checkpointRooms) && rooms[n].store == rooms[0].store {
				n++
			}
			if !yield(rooms[:n]) {
				return
			}
			rooms = rooms[n:]
		}
	}
}

// finishRound updates the lag after a round. ok says that all due rows and checkpoints were written.
func (c *checkpointer) finishRound(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ok && c.refused == 0:
		c.behind = time.Time{}
	case c.behind.IsZero() || !ok && c.saving.Before(c.behind):
		c.behind = c.saving
	}
}

// saveCheckpoints saves the checkpoints that of returns for rooms, and reports success.
func (c *checkpointer) saveCheckpoints(rooms []*Room, of func(*Room) (Checkpoint, bool)) (ok bool) {
	var checkpoints []Checkpoint
	var with []*Room
	for _, r := range rooms {
		if p, ok := of(r); ok {
			checkpoints, with = append(checkpoints, p), append(with, r)
		}
	}
	if len(checkpoints) == 0 {
		return true
	}
	store := with[0].store
	err := c.call(c.hub.cfg.StoreTimeout, func(ctx context.Context) error { return store.SaveCheckpoints(ctx, checkpoints) })
	switch {
	case errors.Is(err, ErrHistoryChanged): // the rooms belong to an old history
		c.hub.startReopen(store, err)
		return false
	case err != nil:
		c.failed(len(checkpoints), err)
		return false
	}
	for i, r := range with {
		r.checkpointSaved(checkpoints[i].ServerSeq)
	}
	return true
}

// pause waits, unless the hub is closing.
func (c *checkpointer) pause(pause time.Duration) {
	if c.isClosing() {
		return
	}
	select {
	case <-time.After(pause):
	case <-c.ctx.Done():
	}
}

// verified reports whether the database has the current history, before a round. In a backup that was restored since the last round, a
// checkpoint would claim rows that it does not have.
func (c *checkpointer) verified() bool { return c.hub.watcher.check(c.ctx) == nil }

func (c *checkpointer) failed(rows int, err error) {
	c.hub.cfg.Metrics.Retried()
	if errors.Is(err, ErrGone) && c.hub.watcher.gone.Load() {
		return // the watcher logs it
	}
	c.hub.cfg.Log.Warn("document rows could not be written; retrying", "rows", rows, "error", err)
}

// count adds to the number of rejected rows.
func (c *checkpointer) count(refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused += refused
}

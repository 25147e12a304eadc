package core

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"
)

// checkpointer writes the document rows of rooms that have changed, and closes rooms that nobody uses. It is one goroutine.
// What it does not get done costs nothing but time: the log has everything, and a room is opened from its rows and the
// log after its checkpoint.
//
// The rows of a room are written in any number of transactions, each as of its own moment. In between, the row of one
// document can be ahead of another's by any number of batches. What makes that safe is the order of three steps:
//
//  1. The room's checkpoint is stored before its first row: a row alone says nothing about the other documents.
//  2. The rows are written.
//  3. The checkpoint is raised to the position up to which the rows that are known to be written hold the log.
//
// A stored checkpoint is therefore never higher than what the rows hold, whichever prefix of the steps has happened, and
// opening the room folds the log after it, into each document from that document's own ServerSeq on.
type checkpointer struct {
	worker // woken when a room is due earlier than all others, and by close
	hub    *Hub

	mu      sync.Mutex
	rooms   priorityQueue[*Room] // that have something to write, by Room.due
	saving  time.Time            // the earliest due of the rooms being written; zero: none are
	behind  time.Time            // the earliest due of the rooms that could not be written; zero: none
	refused int                  // document rows whose last version the database has refused
	closing bool

	// These belong to the goroutine.
	warned     time.Time // when a refused row was last logged
	unreported int       // rows refused since then
	failures   int       // rows that failed alone since the last that did not, for a reason that is not known
}

// Bounds of one transaction, so that appends to the log, which may have to wait for it, do not wait long.
const (
	checkpointRows  = 256
	checkpointBytes = 1 << 20 // of rows; a single row may be larger

	checkpointRooms = 1000 // whose checkpoints go into one transaction

	// After a transaction there is a pause as long as the transaction, up to maxYield, so that document rows take no more
	// than half of the database's time, and then one in which so many bytes a second would have been written, because
	// databases finish some of the work later.
	maxYield   = 100 * time.Millisecond
	steadyRate = 64 << 20
)

// maxFailures is how many rows in a row may fail alone, for a reason that is not known, before the database counts as one
// that cannot be used.
const maxFailures = 8

// warnEvery bounds how often refused rows are logged.
const warnEvery = time.Minute

func newCheckpointer(h *Hub) *checkpointer {
	return &checkpointer{worker: newWorker(), hub: h, rooms: priorityQueue[*Room]{
		before: func(a, b *Room) bool { return a.due.Before(b.due) },
		place:  func(r *Room) *int { return &r.duePlace },
	}}
}

// note has the checkpointer write what is due in a room, at a moment or earlier.
func (c *checkpointer) note(r *Room, due time.Time) {
	c.mu.Lock()
	if r.duePlace == 0 || due.Before(r.due) {
		r.due = due
		c.rooms.set(r)
	}
	first, _ := c.rooms.first()
	c.mu.Unlock()
	if first == r {
		c.nudge()
	}
}

// close writes what is unsaved and ends the goroutine, or gives up when ctx ends.
func (c *checkpointer) close(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	return c.finish(ctx, "writing the document rows")
}

func (c *checkpointer) run() {
	defer close(c.done)
	idle := c.hub.cfg.RoomIdle
	tick := time.NewTicker(max(idle/4, time.Millisecond))
	defer tick.Stop()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	for {
		if c.isClosing() {
			c.save(c.takeAll())
			return
		}
		rooms, next := c.take(time.Now())
		if len(rooms) > 0 {
			c.save(rooms)
			next = 0
		}
		due.Reset(next)
		select {
		case <-c.wake:
		case <-due.C:
		case now := <-tick.C:
			c.hub.closeIdle(now, idle)
		}
	}
}

func (c *checkpointer) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// take takes rooms that are due, at most as many as one transaction of checkpoints, or says how long it is until there is
// one.
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

// takeAll takes every room, to write all that it has.
func (c *checkpointer) takeAll() []*Room {
	c.mu.Lock()
	rooms := slices.Clone(c.rooms.items)
	c.mu.Unlock()
	for _, r := range rooms {
		r.hurry()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range rooms {
		c.rooms.remove(r)
	}
	return rooms
}

// lag is for how long a change has been waiting for its document row, beyond the delay that a large document has.
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

// save writes the rows that are due in rooms taken, and then their checkpoints. What cannot be written is noted again.
func (c *checkpointer) save(rooms []*Room) {
	for chunk := range sameHistory(rooms) {
		ok := c.saveCheckpoints(chunk, (*Room).firstCheckpoint) && c.saveRows(chunk) &&
			c.saveCheckpoints(chunk, (*Room).nextCheckpoint)
		c.settle(ok)
		for _, r := range chunk {
			r.settle(ok)
		}
		if !ok && c.isClosing() {
			return
		}
	}
}

// sameHistory divides rooms into pieces, each of which is of one history and small enough for one transaction of
// checkpoints.
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

// settle notes whether everything that was due has been written.
func (c *checkpointer) settle(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ok && c.refused == 0:
		c.behind = time.Time{}
	case c.behind.IsZero() || !ok && c.saving.Before(c.behind):
		c.behind = c.saving
	}
}

// saveCheckpoints stores those checkpoints of rooms that have to be stored now. It reports whether the database took them.
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
	err := c.call(func(ctx context.Context) error { return store.SaveCheckpoints(ctx, checkpoints) })
	switch {
	case errors.Is(err, ErrHistoryChanged): // they belong to a history that the database no longer has
		c.hub.leave(store, err)
		return false
	case err != nil:
		c.failed(len(checkpoints), err)
		return false
	}
	for i, r := range with {
		r.checkpointed(checkpoints[i].ServerSeq)
	}
	return true
}

// rowOf is a document row that is being written, and the document that it is of.
type rowOf struct {
	Document
	room *Room
	doc  *document
}

// saveRows writes the rows that are due, in transactions of bounded size. It reports whether the database could be used:
// a row that it refuses does not hold up the others.
func (c *checkpointer) saveRows(rooms []*Room) (ok bool) {
	var group []rowOf
	bytes := 0
	flush := func() bool {
		rows := group
		group, bytes = nil, 0
		return len(rows) == 0 || c.write(rows)
	}
	for _, r := range rooms {
		for {
			row, found, fits := r.takeRow(len(group) == 0, checkpointBytes-bytes)
			if !found {
				break
			}
			if fits {
				group, bytes = append(group, row), bytes+len(row.State)
			}
			full := !fits || len(group) == checkpointRows || bytes >= checkpointBytes
			if full && !flush() {
				return false
			}
		}
	}
	return flush()
}

// write writes rows in one transaction. When the database can be used and does not take them together, they are divided,
// until the one that it refuses is alone. It reports whether the database could be used.
func (c *checkpointer) write(rows []rowOf) (ok bool) {
	documents := make([]Document, len(rows))
	for i := range rows {
		documents[i] = rows[i].Document
	}
	began := time.Now()
	store := rows[0].room.store
	err := c.call(func(ctx context.Context) error { return store.SaveDocuments(ctx, documents) })
	took := time.Since(began)
	switch {
	case err == nil:
		c.failures = 0
		c.hub.cfg.Recorder.Checkpointed(len(rows), took)
		bytes := 0
		for _, row := range rows {
			row.room.rowSaved(row.doc)
			bytes += len(row.State)
		}
		c.yield(min(took, maxYield) + time.Duration(bytes)*time.Second/steadyRate)
		return true
	case errors.Is(err, ErrHistoryChanged): // the rows belong to a history that the database no longer has
		c.hub.leave(store, err)
		for _, row := range rows {
			row.room.rowFailed(row.doc, false)
		}
		return false
	case !errors.Is(err, ErrRejected) && (c.failures >= maxFailures || c.call(store.Ping) != nil):
		c.failures = 0
		c.failed(len(rows), err)
		for _, row := range rows {
			row.room.rowFailed(row.doc, false)
		}
		return false
	case len(rows) == 1:
		if !errors.Is(err, ErrRejected) {
			c.failures++
		}
		c.report(rows[0].Document, err)
		rows[0].room.rowFailed(rows[0].doc, true)
		return true
	}
	half := len(rows) / 2
	if !c.write(rows[:half]) {
		for _, row := range rows[half:] {
			row.room.rowFailed(row.doc, false)
		}
		return false
	}
	return c.write(rows[half:])
}

// call runs one use of the store within its limit.
func (c *checkpointer) call(use func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(c.life, c.hub.cfg.StoreTimeout)
	defer cancel()
	return use(ctx)
}

// yield leaves the database to others for a while, unless the hub is closing.
func (c *checkpointer) yield(pause time.Duration) {
	if c.isClosing() {
		return
	}
	select {
	case <-time.After(pause):
	case <-c.life.Done():
	}
}

func (c *checkpointer) failed(rows int, err error) {
	c.hub.cfg.Recorder.Retried()
	if errors.Is(err, ErrGone) && c.hub.watcher.gone.Load() {
		return // the watcher has logged it
	}
	c.hub.cfg.Log.Warn("document rows could not be written; they will be tried again", "rows", rows, "error", err)
}

// count notes that more rows, or fewer, are refused by the database.
func (c *checkpointer) count(refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused += refused
}

// report logs that the database does not take a row, at most once per warnEvery.
func (c *checkpointer) report(row Document, err error) {
	c.hub.cfg.Recorder.Retried()
	c.unreported++
	if now := time.Now(); c.warned.IsZero() || now.Sub(c.warned) >= warnEvery {
		c.hub.cfg.Log.Error("the database refuses a document row; the log keeps what it lacks, and it will be tried again",
			"room", row.Room, "key", row.Key, "serverSeq", row.ServerSeq, "bytes", len(row.State), "refusals", c.unreported, "error", err)
		c.warned, c.unreported = now, 0
	}
}

package core

import (
	"context"
	"sync"
	"time"
)

// checkpointer writes the document rows of rooms that have changed, many rooms in one transaction, and closes rooms that
// nobody uses. It is one goroutine. What it does not get done costs nothing but time: the log has everything, and a room
// is opened from its rows and the log after them.
type checkpointer struct {
	worker // woken by the first room
	hub    *Hub

	mu      sync.Mutex
	rooms   []*Room   // with unsaved documents
	since   time.Time // when the first of them was noted
	saving  time.Time // since of the rooms that are being saved; zero: there are none
	closing bool
}

// Bounds of one transaction of document rows, so that appends to the log, which may have to wait for it, do not wait
// long. The rows of one room are never split.
const (
	checkpointRows  = 256
	checkpointBytes = 1 << 20
)

func newCheckpointer(h *Hub) *checkpointer {
	return &checkpointer{worker: newWorker(), hub: h}
}

// note has the checkpointer come by a room with unsaved documents.
func (c *checkpointer) note(r *Room) {
	c.mu.Lock()
	c.rooms = append(c.rooms, r)
	first := len(c.rooms) == 1
	if first {
		c.since = time.Now()
	}
	c.mu.Unlock()
	if first {
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
	var due <-chan time.Time // when the rooms noted are to be saved
	for {
		select {
		case <-c.wake:
			if c.isClosing() {
				c.save()
				return
			}
			if due == nil {
				due = time.After(c.hub.cfg.ServerBatch)
			}
		case <-due:
			due = nil
			if !c.save() {
				due = time.After(c.hub.cfg.ServerBatch)
			}
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

// save writes the unsaved documents of the rooms noted, and reports whether all could be written.
func (c *checkpointer) save() (ok bool) {
	rooms := c.take()
	for len(rooms) > 0 {
		n, perRoom, rows := c.gather(rooms)
		began := time.Now()
		ctx, cancel := context.WithTimeout(c.life, c.hub.cfg.StoreTimeout)
		err := c.hub.cfg.Store.SaveDocuments(ctx, rows)
		cancel()
		if err != nil {
			c.hub.cfg.Recorder.Retried()
			c.hub.cfg.Log.Warn("document rows could not be written; they will be tried again", "rows", len(rows), "error", err)
			c.settle(rooms)
			return false
		}
		c.hub.cfg.Recorder.Checkpointed(len(rows), time.Since(began))
		for i, r := range rooms[:n] {
			r.saved(perRoom[i])
		}
		rooms = rooms[n:]
	}
	c.settle(nil)
	return true
}

// take takes the rooms noted, to save them.
func (c *checkpointer) take() []*Room {
	c.mu.Lock()
	defer c.mu.Unlock()
	rooms := c.rooms
	c.rooms, c.saving, c.since = nil, c.since, time.Time{}
	return rooms
}

// settle ends a saving. The rooms that could not be saved are noted again.
func (c *checkpointer) settle(left []*Room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(left) > 0 {
		c.rooms, c.since = append(c.rooms, left...), c.saving
	}
	c.saving = time.Time{}
}

// lag is for how long the oldest change has been waiting for its document row.
func (c *checkpointer) lag(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.saving.IsZero():
		return now.Sub(c.saving)
	case !c.since.IsZero():
		return now.Sub(c.since)
	default:
		return 0
	}
}

// gather collects the unsaved rows of the first n rooms, as many as one transaction takes.
func (c *checkpointer) gather(rooms []*Room) (n int, perRoom [][]Document, rows []Document) {
	bytes := 0
	for n < len(rooms) && len(rows) < checkpointRows && bytes < checkpointBytes {
		unsaved := rooms[n].unsavedRows()
		for _, row := range unsaved {
			bytes += len(row.State)
		}
		rows = append(rows, unsaved...)
		perRoom = append(perRoom, unsaved)
		n++
	}
	return n, perRoom, rows
}

// unsavedRows returns the rows that are behind. A room that was stopped has none: its state may hold a part of the batch
// that could not be folded, and must not be written over what the database has.
func (r *Room) unsavedRows() []Document {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil
	}
	return r.state.unsaved()
}

// saved notes that rows, all that this room had unsaved when they were gathered, are in the database.
func (r *Room) saved(rows []Document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsaved = !r.state.markSaved(rows)
	if r.unsaved && r.err == nil {
		r.hub.checkpointer.note(r)
	}
}

package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core/presence"
)

// Room is an open room: the thin shell around its pure State and Presence, which has the lock, the clock and the store.
type Room struct {
	name  string
	hub   *Hub
	store Store // of the history that the room was opened from, and the only one that it uses
	lane  lane  // the committer's lock guards it

	mu       sync.Mutex // may be held when the committer's lock is taken, and not the other way round
	state    *State
	presence *presence.Table
	listener Listener
	err      error // why the room is not served any more
	weight   int64 // its part of Hub.memory; 0 once it is shut

	checkpoint int64     // that the store has, or a lower one
	promised   int       // document rows that this checkpoint promises, or fewer
	anchored   bool      // the store has a checkpoint of its own for this room
	noted      time.Time // when the checkpointer will write what is due, at the latest; zero: it was not asked to
	retry      time.Time // the database could not be used: nothing is written before

	presenceTimer *time.Timer // running while there is presence to tell or a lease to end
	presenceAt    time.Time   // when it fires
	streams       int         // numbers given to streams so far

	stopped atomic.Bool // err is not nil; read without the lock

	// These are guarded by checkpointer.mu.
	due      time.Time // when the checkpointer writes what is due
	duePlace int       // in checkpointer.rooms
}

// replayPage bounds how much of the log is in memory at a time while a room catches up with it.
var replayPage = Page{Batches: 1000, Bytes: 4 << 20}

// openRoom makes a room as the store has it, and begins it if the store has nothing.
func openRoom(h *Hub, store Store, name string) (*Room, error) {
	state, checkpoint, err := h.readInTurn(store, name)
	if err == nil && state.Seq() == 0 && h.cfg.InitialState != nil {
		err = h.begin(store, state)
	}
	if err != nil {
		return nil, err
	}
	r := &Room{name: name, hub: h, store: store, state: state,
		checkpoint: checkpoint.ServerSeq, promised: checkpoint.Documents,
		presence: presence.New(h.cfg.PresenceTimeout, h.cfg.MaxPresence, h.retained.Dropped)}
	r.lane.room = r
	state.dropped = h.retained.Dropped
	r.listener = h.cfg.Listen(name, store.Epoch(), state.Seq())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteUnsaved()
	r.weigh()
	return r, nil
}

// maxReading is how many rooms are read from the store at a time. Each takes up to replayPage and its documents before
// the hub knows what it weighs.
const maxReading = 16

// readInTurn is read for at most maxReading rooms at a time, and for none while memory is short.
func (h *Hub) readInTurn(store Store, room string) (*State, Checkpoint, error) {
	select {
	case h.reading <- struct{}{}:
		defer func() { <-h.reading }()
	case <-time.After(h.cfg.StoreTimeout):
		return nil, Checkpoint{}, fmt.Errorf("%w: too many other rooms are being opened", ErrUnavailable)
	}
	if h.short() {
		return nil, Checkpoint{}, fmt.Errorf("%w: rooms that were opened meanwhile have taken the memory", ErrOverloaded)
	}
	return h.read(store, room)
}

// readAttempts is how often a room is read from the start because another server has shortened the log meanwhile.
const readAttempts = 3

// read reads a room from a store: its checkpoint, its document rows, and the log after the checkpoint. It also returns the
// checkpoint.
func (h *Hub) read(store Store, room string) (state *State, checkpoint Checkpoint, err error) {
	for range readAttempts {
		state, checkpoint, err = h.readOnce(store, room)
		if !errors.Is(err, errGap) {
			break
		}
	}
	return state, checkpoint, err
}

// readOnce reads the checkpoint first. Rows only become newer, so those that are read later hold what it promises.
//
// When rows are missing, they were deleted by hand. Then the whole log has to be folded, if it still reaches back to the
// beginning: the room must not look empty.
func (h *Hub) readOnce(store Store, room string) (state *State, checkpoint Checkpoint, err error) {
	err = h.call(func(ctx context.Context) (err error) {
		checkpoint, err = store.Checkpoint(ctx, room)
		return h.explain(store, err, "reading the checkpoint")
	})
	if err != nil {
		return nil, Checkpoint{}, err
	}
	var rows []Document
	err = h.call(func(ctx context.Context) (err error) {
		rows, err = store.Documents(ctx, room)
		return h.explain(store, err, "reading the document rows")
	})
	if err != nil {
		return nil, Checkpoint{}, err
	}
	from := checkpoint.ServerSeq
	if len(rows) < checkpoint.Documents {
		h.cfg.Log.Warn("document rows are missing; the room is made from its whole log", "room", room,
			"rows", len(rows), "expected", checkpoint.Documents)
		rows, from = nil, 0
	}
	state, err = NewState(room, from, rows, Limits{DocumentBytes: h.cfg.MaxDocumentBytes, Documents: h.cfg.MaxDocuments})
	if err != nil {
		return nil, Checkpoint{}, err
	}
	if err := h.replay(store, state); err != nil {
		return nil, Checkpoint{}, err
	}
	if state.Seq() < checkpoint.ServerSeq {
		return nil, Checkpoint{}, fmt.Errorf("%w: its checkpoint is batch %d, and its log ends at batch %d; to remove a room, remove its rows from all tables",
			ErrCorrupt, checkpoint.ServerSeq, state.Seq())
	}
	return state, checkpoint, state.complete()
}

// call runs one use of the store. Its limit is for the time without progress.
func (h *Hub) call(use func(context.Context) error) error {
	ctx, cancel := withProgress(context.Background(), h.cfg.StoreTimeout)
	defer cancel()
	return use(ctx)
}

// replay folds what the log has beyond a state. Each page has the limit of one call: a long log takes long.
func (h *Hub) replay(store Store, state *State) error {
	for {
		var batches []*Batch
		err := h.call(func(ctx context.Context) (err error) {
			batches, err = store.Log(ctx, state.room, state.Seq(), replayPage)
			return h.explain(store, err, "reading the log")
		})
		if err != nil || len(batches) == 0 {
			return err
		}
		for _, b := range batches {
			if err := state.Fold(b); err != nil {
				return err
			}
		}
		h.saw(store, state.room, state.Seq())
	}
}

// Epoch names the history that the room was opened from. Its serverSeqs have a meaning in that history only.
func (r *Room) Epoch() string { return r.store.Epoch() }

// Name is the room's name.
func (r *Room) Name() string { return r.name }

// Listener is what Config.Listen made for this room.
func (r *Room) Listener() Listener { return r.listener }

// View is a consistent look at a room. It is valid only during the call of Room.View that it is handed to.
type View struct{ r *Room }

// View calls look with the room held still: nothing is committed and nobody comes or goes meanwhile, so that what it
// reads and the position of the room's listener belong together. It must be quick.
func (r *Room) View(look func(View)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	look(View{r})
	r.weigh() // it may have encoded something
}

// Seq is the serverSeq of the last batch.
func (v View) Seq() int64 { return v.r.state.Seq() }

// Keys returns the keys of the documents, sorted. The slice must not be changed.
func (v View) Keys() []string { return v.r.state.Keys() }

// Document returns a document as JSON and the serverSeq of the batch that last changed it. The bytes never change and
// may be kept.
func (v View) Document(key string) (json []byte, seq int64, ok bool) { return v.r.state.Document(key) }

// Size is how many bytes of JSON the documents are together.
func (v View) Size() int { return v.r.state.Size() }

// Err says why the room is not served any more, and is nil while it is.
func (r *Room) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Log returns committed batches after a serverSeq from the store, at most a page of them.
func (r *Room) Log(ctx context.Context, after int64, page Page) ([]*Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, r.hub.cfg.StoreTimeout)
	defer cancel()
	batches, err := r.store.Log(ctx, r.name, after, page)
	return batches, r.hub.explain(r.store, err, "reading the log")
}

// committed folds decided batches that are now in the log and tells the listener. The lock is held.
func (r *Room) committed(batches []Decision) error {
	told := make([]*Batch, 0, len(batches))
	for _, b := range batches {
		if err := r.state.fold(b); err != nil {
			return err
		}
		told = append(told, b.Batch)
	}
	r.noteUnsaved()
	r.listener.Committed(told)
	r.weigh()
	return nil
}

// roomMemory is about what a room takes in memory before anything has happened in it.
const roomMemory = 4 << 10

// weigh reports the room's memory to the hub: documents and their encodings, receipts, presence, and what the listener
// keeps. It takes no time in proportion to any of them. The lock is held.
func (r *Room) weigh() {
	if r.err != nil {
		return // it is shut
	}
	r.setWeight(int64(roomMemory + r.state.Memory() + r.presence.Memory() + r.listener.Bytes()))
}

func (r *Room) setWeight(w int64) {
	r.hub.memory.Add(w - r.weight)
	r.weight = w
}

// fail stops the room: its state cannot be trusted any more. The lock is held.
func (r *Room) fail(err error) {
	if r.err != nil {
		return
	}
	r.hub.cfg.Log.Error("a room is stopped", "room", r.name, "error", err)
	r.endLocked(err)
}

// end stops a room that is to be opened anew.
func (r *Room) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.endLocked(err)
	}
}

// endLocked refuses what is queued and ends the streams. The lock is held.
func (r *Room) endLocked(err error) {
	r.err = err
	r.hub.committer.drain(r, err)
	r.shut(err)
}

// closeIfIdle closes the room when there is nothing left to do in it. It does not wait for a room that is at work.
func (r *Room) closeIfIdle() bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	if !r.hub.committer.idle(r) || !r.presence.Idle() {
		return false
	}
	if !r.saved() {
		r.hurryLocked()
		return false
	}
	r.shut(nil)
	return true
}

func (r *Room) close(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut(err)
}

// shut ends what runs on the room's behalf. The lock is held.
func (r *Room) shut(err error) {
	if r.err == nil {
		r.err = ErrClosing
	}
	if !r.stopped.Swap(true) {
		r.hub.checkpointer.count(-r.state.unsaved.refused)
	}
	if r.presenceTimer != nil {
		r.presenceTimer.Stop()
	}
	r.setWeight(0)
	r.listener.Closed(err)
}

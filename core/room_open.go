package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core/presence"
)

const (
	// maxConcurrentReads limits the rooms that are read from the store at a time. Each uses up to replayPage and its documents
	// before the hub counts its memory.
	maxConcurrentReads = 16
	// readAttempts limits how often a room is read because another server pruned its log meanwhile.
	readAttempts = 3
)

// replayPage limits the part of the log that is in memory while a room reads it.
var replayPage = Page{Batches: 1000, Bytes: 4 << 20}

// openRoom reads a room from a store, and writes its initial state if the store has nothing of it.
func openRoom(h *Hub, store Store, name string) (*Room, error) {
	state, checkpoint, err := h.readInTurn(store, name)
	if err == nil && state.Seq() == 0 && h.cfg.InitialState != nil {
		err = h.writeInitialState(store, state)
	}
	if err != nil {
		return nil, err
	}
	r := &Room{name: name, hub: h, store: store, state: state,
		committed: state.Seq(), checkpoint: checkpoint.ServerSeq, checkpointRows: checkpoint.Documents,
		presence: presence.New(h.cluster.name(), h.cfg.PresenceTimeout, h.cfg.MaxPresence, h.retained.Dropped),
		window:   presence.Window{Min: h.cfg.PresenceWindow}}
	r.queue.room = r
	r.seq.Store(state.Seq())
	state.dropped = h.retained.Dropped
	r.listener = h.cfg.Listen(name, store.Epoch(), state.Seq())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scheduleRowsLocked()
	r.updateMemoryLocked()
	return r, nil
}

// readInTurn reads a room when fewer than maxConcurrentReads others are being read and the memory budget allows it.
func (h *Hub) readInTurn(store Store, room string) (*State, Checkpoint, error) {
	select {
	case h.readSlots <- struct{}{}:
		defer func() { <-h.readSlots }()
	case <-h.ctx.Done():
		return nil, Checkpoint{}, ErrClosing
	case <-time.After(h.cfg.StoreTimeout):
		return nil, Checkpoint{}, fmt.Errorf("%w: too many rooms are being opened", ErrUnavailable)
	}
	if h.overBudget() {
		return nil, Checkpoint{}, fmt.Errorf("%w: the memory budget is used up", ErrOverloaded)
	}
	return h.read(store, room)
}

// read reads a room from a store, up to readAttempts times.
func (h *Hub) read(store Store, room string) (state *State, checkpoint Checkpoint, err error) {
	for range readAttempts {
		state, checkpoint, err = h.readOnce(store, room)
		if !errors.Is(err, errGap) {
			break
		}
	}
	return state, checkpoint, err
}

// readOnce reads the checkpoint, then the document rows, then the log after the checkpoint. The order matters: rows only
// become newer, so rows that are read after the checkpoint hold what it promises.
//
// Missing rows were deleted by hand. Then the whole log is folded if it is complete: the room must not look empty.
func (h *Hub) readOnce(store Store, room string) (state *State, checkpoint Checkpoint, err error) {
	err = h.call(func(ctx context.Context) (err error) {
		checkpoint, err = store.Checkpoint(ctx, room)
		return h.storeError(store, err, "reading the checkpoint")
	})
	if err != nil {
		return nil, Checkpoint{}, err
	}
	var rows []Document
	err = h.call(func(ctx context.Context) (err error) {
		rows, err = store.Documents(ctx, room)
		return h.storeError(store, err, "reading the document rows")
	})
	if err != nil {
		return nil, Checkpoint{}, err
	}
	from := checkpoint.ServerSeq
	if len(rows) < checkpoint.Documents {
		h.cfg.Log.Warn("document rows are missing; rebuilding the room from its log", "room", room,
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
		return nil, Checkpoint{}, fmt.Errorf("%w: the checkpoint is batch %d and the log ends at batch %d; to remove a room, remove its rows from all tables",
			ErrCorrupt, checkpoint.ServerSeq, state.Seq())
	}
	return state, checkpoint, state.complete()
}

// replay folds the log after a state. Each page has its own timeout.
func (h *Hub) replay(store Store, state *State) error {
	for {
		var batches []*Batch
		err := h.call(func(ctx context.Context) (err error) {
			batches, err = store.Log(ctx, state.room, state.Seq(), replayPage)
			return h.storeError(store, err, "reading the log")
		})
		if err != nil || len(batches) == 0 {
			return err
		}
		for _, b := range batches {
			if err := state.Fold(b); err != nil {
				return err
			}
		}
		h.recordOld(store, batches[len(batches)-1])
	}
}

// call makes one store call, which ends when the hub is closed. StoreTimeout limits the time without Progress.
func (h *Hub) call(use func(context.Context) error) error {
	ctx, cancel := withProgress(h.ctx, h.cfg.StoreTimeout)
	defer cancel()
	return use(ctx)
}

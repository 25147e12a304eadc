package core

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pathsync/pathsync/core/tree"
)

// InitialStateLoader loads the initial documents of new rooms, for example from an application's own records.
type InitialStateLoader interface {
	// LoadInitialState returns the initial documents of a room, as JSON by store key. There may be none. It is called each time
	// a room without history is opened, before clients see the room. After an error the room is not opened: clients must not
	// take it for empty and fill it themselves.
	//
	// It is called by several goroutines, for a room by one at a time. It must return when ctx ends. Calls of Progress extend
	// the timeout.
	LoadInitialState(ctx context.Context, room string) (map[string]json.RawMessage, error)
}

// InitialStateClientID is the clientId of the batches that set a room's initial state. They have no user.
const InitialStateClientID = "initial-state"

// Limits of the initial state.
const (
	maxConcurrentLoads = 32       // calls of the loader
	maxInitialStores   = 1000     // documents in one room
	maxInitialBytes    = 32 << 20 // of all documents in one room, with the ids that the server assigns
)

// writeInitialState appends the initial state of a room without history to the log, and folds the log. It uses one
// transaction: the loader is not called again for a room with history, so the room must not begin with a part. The committer
// is not involved, because no other goroutine has the room yet. If another server is faster, its initial state counts.
//
// With several servers, the one that owns the room loads its initial state. If it does not do so in time, this one does.
func (h *Hub) writeInitialState(store Store, state *State) error {
	if h.cluster.openElsewhere(h.ctx, store, state.room) {
		if err := h.replay(store, state); err != nil || state.Seq() > 0 {
			return err
		}
	}
	proposals, err := h.initialState(state.room)
	if err != nil || len(proposals) == 0 {
		return err
	}
	var memory int64
	bytes := 0
	for _, p := range proposals {
		memory += int64(p.Memory())
		bytes += p.bytes()
	}
	h.memory.Add(memory)
	defer h.memory.Add(-memory)
	decided := state.Decide(proposals, h.cfg.WallClock().UnixMilli())
	for _, d := range decided {
		if reason := d.Ops[0].Discarded; reason != tree.Applied {
			return fmt.Errorf("%w: document %q: %s", ErrNoInitialState, d.Key, reason)
		}
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.StoreTimeout+allowance(len(decided), bytes))
	defer cancel()
	batches, began := batchesOf(decided), time.Now()
	err = store.Append(ctx, batches)
	switch {
	case errors.Is(err, ErrConflict): // replay reads what another server has written
	case errors.Is(err, ErrRejected):
		return fmt.Errorf("%w: %w", ErrNoInitialState, err)
	case err != nil: // the batches may be in the log; the next opening reads it
		return h.storeError(store, err, "appending the initial state to the log")
	default:
		h.cfg.Metrics.Committed(batches, time.Since(began))
	}
	return h.replay(store, state)
}

// initialState calls the loader and turns the documents into proposals.
func (h *Hub) initialState(room string) ([]*Proposal, error) {
	ctx, cancel := withProgress(h.ctx, h.cfg.InitialStateTimeout)
	defer cancel()
	stores, err := h.loadInTurn(ctx, room)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNoInitialState, err)
	case len(stores) > maxInitialStores:
		return nil, fmt.Errorf("%w: it has more than %d documents", ErrNoInitialState, maxInitialStores)
	}
	proposals := make([]*Proposal, 0, len(stores))
	left := maxInitialBytes
	for _, key := range slices.Sorted(maps.Keys(stores)) {
		p, err := initialDocument(key, stores[key], min(left, h.cfg.MaxDocumentBytes))
		if err != nil {
			return nil, fmt.Errorf("%w: document %q %w", ErrNoInitialState, key, err)
		}
		left -= p.bytes()
		proposals = append(proposals, p)
	}
	return proposals, nil
}

// loadInTurn calls the loader when fewer than maxConcurrentLoads calls are running.
func (h *Hub) loadInTurn(ctx context.Context, room string) (map[string]json.RawMessage, error) {
	select {
	case h.loadSlots <- struct{}{}:
		defer func() { <-h.loadSlots }()
	case <-ctx.Done():
		return nil, errors.New("too many other rooms are being loaded")
	}
	return h.cfg.InitialState.LoadInitialState(ctx, room)
}

// initialDocument returns the batch that sets a document. The rules are those of any other batch.
func initialDocument(key string, text []byte, maxBytes int) (*Proposal, error) {
	if err := CheckName(key, MaxKeyLength); err != nil {
		return nil, fmt.Errorf("has a key that %w", err)
	}
	value, err := tree.Parse(text, tree.MaxValueDepth)
	if err != nil {
		return nil, fmt.Errorf("is not valid JSON: %w", err)
	}
	op := tree.Op{Kind: tree.Init, Value: value, Index: tree.NoIndex}
	if err := op.Validate(); err != nil {
		return nil, fmt.Errorf("is not valid: %w", err)
	}
	filledIn, ok := op.Normalize(rand.Text, maxBytes)
	if !ok {
		return nil, fmt.Errorf("exceeds %d bytes with the ids of its items", maxBytes)
	}
	return &Proposal{
		Key: key, ClientID: InitialStateClientID, ClientSeq: NoClientSeq, FilledIn: filledIn,
		Ops: []ProposedOp{{Op: op, ValueText: tree.Text(value)}},
	}, nil
}

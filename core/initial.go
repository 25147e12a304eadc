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

// InitialStateLoader knows what a room begins with, such as what an application has in records of its own.
type InitialStateLoader interface {
	// LoadInitialState returns the documents that a room begins with, as JSON by store key; none is an answer too. It is
	// called when a room is opened that has no history, which is before anybody sees it, and again at each further opening
	// until the room has one. After an error nobody gets the room: it must not look empty to those who would fill it.
	//
	// It is called by several goroutines at once, though never twice at a time for one room, and returns when ctx ends. That is
	// put off by calls of Progress.
	LoadInitialState(ctx context.Context, room string) (map[string]json.RawMessage, error)
}

// InitialStateClientID is the sender of the batches that make a room's initial state. They have no user.
const InitialStateClientID = "initial-state"

// Bounds of the initial state.
const (
	maxInitialQuestions = 32   // under way, of all rooms
	maxInitialStores    = 1000 // documents of one room

	maxInitialBytes = 32 << 20 // of all documents of one room, with the ids that the server fills in
)

// begin gives a room without history what it begins with. All of it goes into the log in one transaction, or nothing
// does: a room that has begun is never asked about again, so it must not begin with a part. This need not go through the
// committer, because nobody has the room yet. When another server is faster, its history is the room's.
func (h *Hub) begin(store Store, state *State) error {
	proposals, err := h.initialState(state.room)
	if err != nil || len(proposals) == 0 {
		return err
	}
	var memory int64
	for _, p := range proposals {
		memory += int64(p.Memory())
	}
	h.memory.Add(memory)
	defer h.memory.Add(-memory)
	decided := state.Decide(proposals, time.Now().UnixMilli())
	for _, d := range decided {
		if reason := d.Ops[0].Discarded; reason != tree.Applied {
			return fmt.Errorf("%w: document %q: %s", ErrNoInitialState, d.Key, reason)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.cfg.StoreTimeout)
	defer cancel()
	batches, began := batchesOf(decided), time.Now()
	err = store.Append(ctx, batches)
	switch {
	case errors.Is(err, ErrConflict): // the log says with what it has begun
	case errors.Is(err, ErrRejected):
		return fmt.Errorf("%w: %w", ErrNoInitialState, err)
	case err != nil: // it may be in the log all the same, and the next opening will see
		return h.explain(store, err, "logging the initial state")
	default:
		h.cfg.Recorder.Committed(batches, time.Since(began))
	}
	return h.replay(store, state)
}

// initialState asks what a room begins with, in its turn.
func (h *Hub) initialState(room string) ([]*Proposal, error) {
	ctx, cancel := withProgress(h.life, h.cfg.InitialStateTimeout)
	defer cancel()
	stores, err := h.ask(ctx, room)
	switch {
	case h.life.Err() != nil:
		return nil, ErrClosing
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

func (h *Hub) ask(ctx context.Context, room string) (map[string]json.RawMessage, error) {
	select {
	case h.asking <- struct{}{}:
		defer func() { <-h.asking }()
	case <-ctx.Done():
		return nil, errors.New("too many other rooms are being asked about")
	}
	return h.cfg.InitialState.LoadInitialState(ctx, room)
}

// initialDocument makes the batch that sets a document which does not exist yet, by the rules of any other batch.
func initialDocument(key string, text []byte, maxBytes int) (*Proposal, error) {
	if err := CheckName(key, MaxKeyLength); err != nil {
		return nil, fmt.Errorf("has a name that %w", err)
	}
	value, err := tree.Parse(text, tree.MaxValueDepth)
	if err != nil {
		return nil, fmt.Errorf("is not acceptable JSON: %w", err)
	}
	op := tree.Op{Kind: tree.Init, Value: value, Index: tree.NoIndex}
	if err := op.Validate(); err != nil {
		return nil, fmt.Errorf("cannot be one: %w", err)
	}
	filledIn, ok := op.Normalize(rand.Text, maxBytes)
	if !ok {
		return nil, fmt.Errorf("takes more than %d bytes with the ids that its items need", maxBytes)
	}
	return &Proposal{
		Key: key, ClientID: InitialStateClientID, ClientSeq: NoClientSeq, FilledIn: filledIn,
		Ops: []ProposedOp{{Op: op, ValueText: tree.Text(value)}},
	}, nil
}

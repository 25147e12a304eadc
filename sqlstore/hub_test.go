package sqlstore

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/tree"
)

// heard is a listener that keeps what it is told of one room.
type heard struct {
	mu      sync.Mutex
	batches []*core.Batch
}

func (h *heard) Committed(batches []*core.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.batches = append(h.batches, batches...)
}

func (*heard) PresenceChanged(presence.Change) {}
func (*heard) ListsDue()                       {}
func (*heard) Readers() int                    { return 0 }
func (*heard) Bytes() int                      { return 0 }
func (*heard) Closed(error)                    {}
func (*heard) Replaced(string)                 {}

// newHub makes a hub over a store, with limits of a call and of a wait that a test can sit out.
func newHub(t testing.TB, store core.Store, limit time.Duration) *core.Hub {
	t.Helper()
	hub := core.NewHub(core.Config{
		Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} },
		StoreTimeout: limit, SubmitTimeout: limit, ServerBatch: 100 * time.Millisecond,
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := hub.Close(ctx); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	return hub
}

func openRoom(t testing.TB, hub *core.Hub, name string) *core.Room {
	t.Helper()
	room, release, err := hub.Room(t.Context(), name)
	if err != nil {
		t.Fatalf("opening room %s: %v", name, err)
	}
	t.Cleanup(release)
	return room
}

// setNumber is a client's batch that sets a member to the batch's own number.
func setNumber(client, member string, clientSeq int64) *core.Proposal {
	where, err := path.Parse(member)
	if err != nil {
		panic(err) // the test's own text
	}
	text := strconv.FormatInt(clientSeq, 10)
	value, err := tree.ParseStored([]byte(text))
	if err != nil {
		panic(err) // a number
	}
	return &core.Proposal{Key: "default", ClientID: client, ClientSeq: clientSeq, Ops: []core.ProposedOp{{
		Op: tree.Op{Kind: tree.Set, Path: where, Value: value, Index: tree.NoIndex}, PathText: member, ValueText: text,
	}}}
}

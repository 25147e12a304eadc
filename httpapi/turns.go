package httpapi

import (
	"context"
	"sync"
	"time"
)

// turns has each client enter several rooms as one step. Two streams of a client that are opened at once would otherwise
// each be the newer one in some of the rooms, and end each other.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn // of the clients that have one, or wait for it
}

type turn struct {
	taken   chan struct{} // holds a token while somebody has it
	parties int           // who have it or wait; guarded by turns.mu
}

// maxTurn is how long anybody waits. It is longer than the database may take.
const maxTurn = 12 * time.Second

func newTurns() *turns { return &turns{all: map[string]*turn{}} }

// take waits for a client's turn, and returns a function that ends it.
func (t *turns) take(ctx context.Context, clientID string) (end func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	t.mu.Lock()
	own := t.all[clientID]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		t.all[clientID] = own
	}
	own.parties++
	t.mu.Unlock()
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; t.leave(clientID, own) }, nil
	case <-ctx.Done():
		t.leave(clientID, own)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(clientID string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.parties--; own.parties == 0 {
		delete(t.all, clientID)
	}
}

package core

import (
	"context"
	"time"
)

// A clientId belongs to the user who used it first in a room, for as long as that is known: while the client is present,
// while the room remembers its batches, and, for batches with a number, while the log has them. Otherwise whoever knows
// another's clientId could end that client's stream, and use up its numbers, so that its own batches would be refused.
//
// Where nobody is asked who he is, there is no user, and a clientId belongs to everybody who knows it.

// ownershipPatience is how long a presence request waits for the log to say whose a client is. When it does not, what
// is in memory decides: presence goes on while the database is away.
const ownershipPatience = time.Second

// own makes a client the user's, unless it is another's: then it returns ErrForeignClient. Any other error is the
// store's, and then what is in memory has nothing against it.
func (r *Room) own(ctx context.Context, clientID, userID string) error {
	if userID == "" {
		return nil
	}
	known, seq, err := r.claim(clientID, userID)
	if known || err != nil {
		return err
	}
	last, owner, failed := r.lastSent(ctx, clientID)
	if failed == nil {
		r.learn(clientID, owner, last, seq)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.foreign(clientID, userID) {
		return ErrForeignClient
	}
	r.state.receipts.own(clientID, userID)
	return failed
}

// ownSoon is own for those who rather go on without the log than wait for it.
func (r *Room) ownSoon(ctx context.Context, clientID, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, ownershipPatience)
	defer cancel()
	if err := r.own(ctx, clientID, userID); err == ErrForeignClient { //nolint:errorlint // own returns it as it is
		return err
	}
	return nil
}

// claim is own as far as memory goes. When memory does not know whose the client is, known is false, and seq says up to
// where it looked.
func (r *Room) claim(clientID, userID string) (known bool, seq int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.foreign(clientID, userID) {
		return true, 0, ErrForeignClient
	}
	if !r.state.receipts.knows(clientID) {
		return false, r.state.Seq(), nil
	}
	r.state.receipts.own(clientID, userID)
	return true, 0, nil
}

// foreign reports whether a client is known to be another user's. The lock is held.
func (r *Room) foreign(clientID, userID string) bool {
	if userID == "" {
		return false
	}
	owner := r.presence.UserOf(clientID)
	if owner == "" {
		owner = r.state.receipts.owner(clientID)
	}
	return owner != "" && owner != userID
}

// lastSent asks the log for a client's highest number, and for the user who sent it.
func (r *Room) lastSent(ctx context.Context, clientID string) (last int64, userID string, err error) {
	last, err = r.store.LastClientSeq(ctx, r.name, clientID)
	if err != nil || last == NoClientSeq {
		return last, "", r.hub.explain(r.store, err, "asking for a client's last number")
	}
	b, err := r.store.FindBatch(ctx, r.name, clientID, last)
	if err != nil || b == nil {
		return last, "", r.hub.explain(r.store, err, "asking for a client's last batch")
	}
	return last, b.UserID, nil
}

package core

import (
	"context"
	"time"
)

// A clientId belongs to the user who used it first in a room. The owner is known while the client is present, while dedup
// remembers it, and for numbered batches while the log has them. Otherwise a user who knows another user's clientId could
// end that client's stream, or use up its numbers so that its own batches are refused.
//
// Without authentication there are no users, and a clientId can be used by any sender.

// claimTimeout limits how long a presence request waits for the log. Then memory decides, so that presence works during an
// outage of the database.
const claimTimeout = time.Second

// claim assigns a client to a user. It returns ErrForeignClient if the client belongs to another user. Any other error is the
// store's; then memory knows no other owner.
func (r *Room) claim(ctx context.Context, clientID, userID string) error {
	if userID == "" {
		return nil
	}
	known, seq, err := r.claimInMemory(clientID, userID)
	if known || err != nil {
		return err
	}
	last, owner, failed := r.lastFromLog(ctx, clientID)
	if failed == nil {
		r.learn(clientID, owner, last, seq)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.foreignLocked(clientID, userID) {
		return ErrForeignClient
	}
	r.state.dedup.setOwner(clientID, userID)
	return failed
}

// claimWithTimeout is claim with claimTimeout. On a timeout or an error of the store, memory decides.
func (r *Room) claimWithTimeout(ctx context.Context, clientID, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if err := r.claim(ctx, clientID, userID); err == ErrForeignClient { //nolint:errorlint // claim returns it unwrapped
		return err
	}
	return nil
}

// claimInMemory is claim without the log. If memory does not know the whole history of the client, known is false and seq is
// the serverSeq up to which it knows it.
func (r *Room) claimInMemory(clientID, userID string) (known bool, seq int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.foreignLocked(clientID, userID) {
		return true, 0, ErrForeignClient
	}
	if !r.state.dedup.isComplete(clientID) {
		return false, r.state.Seq(), nil
	}
	r.state.dedup.setOwner(clientID, userID)
	return true, 0, nil
}

// foreignLocked reports whether a client is known to belong to another user.
func (r *Room) foreignLocked(clientID, userID string) bool {
	if userID == "" {
		return false
	}
	owner := r.presence.UserOf(clientID)
	if owner == "" {
		owner = r.state.dedup.owner(clientID)
	}
	return owner != "" && owner != userID
}

// lastFromLog reads a client's highest clientSeq, and the user who sent it, from the log.
func (r *Room) lastFromLog(ctx context.Context, clientID string) (last int64, userID string, err error) {
	last, err = r.store.LastClientSeq(ctx, r.name, clientID)
	if err != nil || last == NoClientSeq {
		return last, "", r.hub.storeError(r.store, err, "reading a client's last clientSeq")
	}
	b, err := r.store.FindBatch(ctx, r.name, clientID, last)
	if err != nil || b == nil {
		return last, "", r.hub.storeError(r.store, err, "reading a client's last batch")
	}
	return last, b.UserID, nil
}

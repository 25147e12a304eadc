package core

import (
	"slices"

	"github.com/pathsync/pathsync/core/tree"
)

// NoClientSeq stands for the absent `clientSeq` of a batch whose sender does not number its batches.
const NoClientSeq = -1

// Batch is the operations of one POST as the change log holds them: ordered, decided and never changed again.
// It is what a delta is made from and what a replay folds.
type Batch struct {
	Room      string
	Key       string
	ClientID  string
	UserID    string // who the sender was known to be; "" for nobody
	ClientSeq int64  // NoClientSeq when the sender gave none
	ServerSeq int64  // 1, 2, 3 … in its room, with no gap
	ServerTs  int64  // when the server ordered it, in milliseconds since the Unix epoch
	Ops       []LoggedOp
}

// LoggedOp is one operation of a Batch, with its outcome. The outcome is decided before the batch is logged, so that
// the log alone can answer a repeated batch and serve the deltas of any part of a room's history.
type LoggedOp struct {
	Kind tree.Kind
	Path string
	// Value is canonical JSON text; "" for a kind without a value, and for an operation that took no effect: what was
	// refused for its size must not fill the log. For an array_move to another array it is the path of that array, the
	// wire's `to`, as a JSON string.
	Value string
	// Index is the wire's `arrayIndex`. For an operation that took effect it is the position where the item stands
	// afterwards; otherwise it is what was sent, and tree.NoIndex when nothing was.
	Index     int
	Discarded tree.Reason // tree.Applied when the operation took effect
}

// equal reports whether two batches are the same entry of a log.
func (b *Batch) equal(o *Batch) bool {
	return b.Room == o.Room && b.Key == o.Key && b.ClientID == o.ClientID && b.UserID == o.UserID &&
		b.ClientSeq == o.ClientSeq &&
		b.ServerSeq == o.ServerSeq && b.ServerTs == o.ServerTs && slices.Equal(b.Ops, o.Ops)
}

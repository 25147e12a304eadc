package core

import (
	"slices"

	"github.com/pathsync/pathsync/core/tree"
)

// NoClientSeq is the clientSeq of a batch without a number.
const NoClientSeq = -1

// Batch is an entry of the change log: the operations of one request, with their place in the room's order and their
// outcomes. A delta is made from it, and a replay folds it. It must not be changed.
type Batch struct {
	Room      string
	Key       string
	ClientID  string
	UserID    string // authenticated user; "" for an anonymous one
	ClientSeq int64  // NoClientSeq if the batch has no number
	ServerSeq int64  // 1, 2, 3 … in its room, without gaps
	ServerTs  int64  // time of the decision, in milliseconds since the Unix epoch
	Ops       []LoggedOp
}

// LoggedOp is one operation of a Batch, with its outcome. The outcome is decided before the batch is logged, so the log alone
// is enough to answer a repeated batch and to serve deltas of any part of the history.
type LoggedOp struct {
	Kind tree.Kind
	Path string
	// Value is canonical JSON. It is "" for a kind without a value, and for a discarded operation, since a value that was
	// refused for its size must not fill the log. For an array_move to another array it is the path of that array (`to` on
	// the wire) as a JSON string.
	Value string
	// Index is `arrayIndex` on the wire. For an applied operation it is the resulting position of the item. Otherwise it is the
	// index that was sent, or tree.NoIndex.
	Index     int
	Discarded tree.Reason // tree.Applied if the operation was applied
}

// equal reports whether two batches are the same log entry.
func (b *Batch) equal(o *Batch) bool {
	return b.Room == o.Room && b.Key == o.Key && b.ClientID == o.ClientID && b.UserID == o.UserID &&
		b.ClientSeq == o.ClientSeq &&
		b.ServerSeq == o.ServerSeq && b.ServerTs == o.ServerTs && slices.Equal(b.Ops, o.Ops)
}

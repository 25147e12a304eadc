package core

import (
	"context"
	"errors"
	"time"
)

// ErrTailLost means that a Tail cannot tell any more which batches it has returned, for example because too many transactions were
// rolled back or the database was restored. The caller opens another one and compares its rooms with the log.
var ErrTailLost = errors.New("the position in the log tail is lost")

// Tail reads what every server adds to the log of one database, of all rooms. It is used by one goroutine.
type Tail interface {
	// Next returns batches that have become visible since the Tail was opened and that it has not returned yet. It makes a
	// number of queries that depends on neither the rooms nor the batches. Each batch is returned exactly once, and the
	// batches of a room in their order. Only SQL Server, whose reads have no snapshot here, may show a batch one call before
	// its predecessor. Batches that are pruned first may be left out. more reports that others are waiting.
	//
	// The error is ErrTailLost or ErrHistoryChanged. After any other error Next can be called again.
	Next(ctx context.Context) (entries []TailEntry, more bool, err error)

	// Held returns for how long the Tail has been waiting for the outcome of a transaction that may still add a batch. It is
	// 0 when it waits for none. A transaction that holds it back delays no other batch.
	Held() time.Duration
}

// TailEntry names a batch of the log.
type TailEntry struct {
	Room      string
	ServerSeq int64
}

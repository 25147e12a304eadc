package dialect

import "github.com/pathsync/pathsync/core"

// The epoch in sync_meta is a fence, together with the last row of each room's log. An append checks both after it has
// inserted its rows, in the same transaction. Whatever another server committed before is visible to the check, and an
// uncommitted append of another server waits for the same entries of the unique index.

// Verdict is the result of the check after a write. Statements return or raise it as text.
type Verdict string

const (
	// InOrder means that the database has the epoch, and each room's log ends with the inserted rows. The batch before them is in
	// the log, or the document rows include it, or it does not exist because the room is new.
	InOrder Verdict = ""
	// OtherEpoch means that the database has another epoch, or none.
	OtherEpoch Verdict = "pathsync: epoch"
	// Conflict means that a room's log has a batch after the inserted ones. The batch that first had their number may be pruned, but
	// the last batch of a log never is.
	Conflict Verdict = "pathsync: conflict"
	// Gap means that the batch before the inserted ones is missing, although it was acknowledged.
	Gap Verdict = "pathsync: gap"
)

// Err returns the error of core for a verdict, and nil for InOrder.
func (v Verdict) Err() error {
	switch v {
	case InOrder:
		return nil
	case Conflict:
		return core.ErrConflict
	case Gap:
		return core.ErrHistoryLost
	default:
		return core.ErrHistoryChanged
	}
}

// Span is the range of serverSeqs that an append adds to one room.
type Span struct {
	Room        string
	First, Last int64 // serverSeq
}

// Spans returns one span for each room, in the order of the rooms' first batches.
func Spans(batches []*core.Batch) []Span {
	var spans []Span
	indexes := make(map[string]int, len(batches))
	for _, b := range batches {
		i, ok := indexes[b.Room]
		if !ok {
			i = len(spans)
			indexes[b.Room] = i
			spans = append(spans, Span{b.Room, b.ServerSeq, b.ServerSeq})
		}
		spans[i].First, spans[i].Last = min(spans[i].First, b.ServerSeq), max(spans[i].Last, b.ServerSeq)
	}
	return spans
}

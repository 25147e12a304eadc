package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that a Store's methods wrap. Any other error is treated as an outage: the call may or may not have taken effect, and
// is retried.
var (
	// ErrConflict: the room's log has a batch with one of these serverSeqs or a higher one. Nothing was written. Either an
	// earlier attempt has succeeded and its response was lost, or another server writes to the same database.
	ErrConflict = errors.New("the log already has this serverSeq or a later one")
	// ErrHistoryChanged: the database no longer has the history that this Store was opened with. Nothing was written. Later
	// calls fail in the same way; Reopen returns a Store for the current history.
	ErrHistoryChanged = errors.New("the history of the database has changed")
	// ErrHistoryLost: the database has the epoch of this Store, but not all batches that were acknowledged in it. Nothing was
	// written. It wraps ErrHistoryChanged.
	ErrHistoryLost = fmt.Errorf("%w: acknowledged batches are missing", ErrHistoryChanged)
	// ErrGone: the database is missing, for example because its file was moved. It may come back.
	ErrGone = errors.New("the database is missing")
	// ErrRejected: the database responds and rejects this data. Nothing was written, and a retry would fail too.
	ErrRejected = errors.New("the database rejects this data")
	// ErrUnexplained: the database reports an error that may depend on the data. Nothing was written. Batches of one
	// transaction are then retried separately, and one that keeps failing alone is treated like ErrRejected.
	ErrUnexplained = errors.New("the database reports an error that may come from this data")
	// ErrTooSlow: the database has cancelled a call because it took too long or too many resources. Nothing was written. A
	// call that exceeds its context's deadline is treated alike, but its fate is unknown.
	ErrTooSlow = errors.New("the database cancelled a call that took too long")
)

// Store is one history of one database: its change log, document rows and epoch. It never reads or writes another history: a
// call that finds another epoch in the database returns ErrHistoryChanged.
//
// All methods are safe for concurrent use. Contexts carry the timeout of each call. A store must not keep slices and strings
// that it receives beyond the call; what it returns belongs to the caller. storetest.Run is the test suite for every Store.
type Store interface {
	// Epoch returns the name of the history. It never changes for a Store.
	Epoch() string

	// Created reports whether this Store created the epoch when it was opened. Then no event id of the epoch is older than
	// the Store.
	Created() bool

	// Reopen ends this Store and returns one for the current history of the database, which may be the same. With lost, a
	// database that still has this Store's epoch gets a new one. Running calls end first, and no later write succeeds in the
	// old epoch. Reopen does not create a database. After an error, it can be called again.
	Reopen(ctx context.Context, lost bool) (Store, error)

	// Append adds the batches to the log in one transaction, or none of them. They may be of many rooms. Within a room their
	// serverSeqs are consecutive and in order. When Append returns nil, the batches survive a crash of the machine.
	//
	// The error is ErrConflict when a (room, serverSeq) is in the log, or when the room's log has a later one, because the
	// batch with this number may have been pruned. It is ErrHistoryLost when the batch before a room's first one is neither
	// in the log nor in the document rows. A batch without operations would have no log row, and is ErrRejected.
	Append(ctx context.Context, batches []*Batch) error

	// Log returns the batches of a room after a serverSeq, in order, up to the end of the log or of the page. It returns at
	// least one batch if there is one.
	Log(ctx context.Context, room string, after int64, page Page) ([]*Batch, error)

	// FindBatch returns the batch of a room that a client sent with this clientSeq, and nil when there is none. Of several it
	// returns the first in the room's order.
	FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*Batch, error)

	// LastClientSeq returns a client's highest clientSeq in a room's log, and NoClientSeq when there is none.
	LastClientSeq(ctx context.Context, room, clientID string) (int64, error)

	// Documents returns a consistent snapshot of the document rows of a room, in any order.
	Documents(ctx context.Context, room string) ([]Document, error)

	// SaveDocuments writes document rows in one transaction, or none of them. They may be of many rooms. It keeps a stored row
	// with the same ServerSeq or a higher one. The error is ErrHistoryLost when a row is newer than its room's log, unless
	// the log is empty.
	SaveDocuments(ctx context.Context, docs []Document) error

	// Head returns the serverSeq of the last batch in a room's log, and 0 when the log is empty.
	Head(ctx context.Context, room string) (int64, error)

	// Checkpoint returns a room's highest saved checkpoint. When none was saved, the room's rows were written in one
	// transaction, and the checkpoint is the highest ServerSeq among them, or 0 without rows.
	Checkpoint(ctx context.Context, room string) (Checkpoint, error)

	// SaveCheckpoints writes checkpoints in one transaction, or none of them. Each room occurs once. A checkpoint lower than
	// the stored one is ignored.
	SaveCheckpoints(ctx context.Context, checkpoints []Checkpoint) error

	// NextRoom iterates over the rooms of the log, in any fixed order: it returns the room after a name, the first one after
	// "", and "" at the end.
	NextRoom(ctx context.Context, after string) (string, error)

	// RoomAfter iterates over the rooms that have a log or document rows, in any fixed order: it returns the room after a name,
	// the first one after "", and one without a name at the end. Its cost follows the number of the room's document rows.
	RoomAfter(ctx context.Context, after string) (StoredRoom, error)

	// Oldest returns the first batches of a room's log after a serverSeq, in order, without their operations. It returns as
	// many as fit into the bounds, and at least one if there is one.
	Oldest(ctx context.Context, room string, after int64, bounds Bounds) ([]Entry, error)

	// Prune deletes the batches of a room with after < serverSeq <= through from the log, in one transaction. It never deletes
	// the last batch of the log, because Append needs it to detect conflicts, nor rows that are not part of the history.
	Prune(ctx context.Context, room string, after, through int64) error

	// Now returns the time of the database's clock.
	Now(ctx context.Context) (time.Time, error)

	// Setting returns the value that SaveSetting stored for a name, and "" when there is none.
	Setting(ctx context.Context, name string) (string, error)

	// SaveSetting stores a value of at most 400 characters for a name of at most 50.
	SaveSetting(ctx context.Context, name, value string) error

	// InitSetting stores a value for a name that has none, and returns the stored value: of several servers that do so at once,
	// all get the same.
	InitSetting(ctx context.Context, name, value string) (stored string, err error)

	// OpenTail returns a Tail that begins at the end of the log: batches that are visible before the call are not returned.
	OpenTail(ctx context.Context) (Tail, error)

	// SaveNode inserts or replaces the description of a server, with the database's time as its heartbeat.
	SaveNode(ctx context.Context, node Node) error

	// RemoveNodes deletes the descriptions of servers. It ignores those that do not exist.
	RemoveNodes(ctx context.Context, ids ...string) error

	// Nodes returns the descriptions of all servers, by ID.
	Nodes(ctx context.Context) ([]Node, error)

	// Ping returns an error if the database cannot be used, or does not have this history.
	Ping(ctx context.Context) error

	// Close releases the database. Running calls end first or fail.
	Close() error
}

// Page limits one read of the log. The read ends with the batch that reaches a limit.
type Page struct {
	Batches int // number of batches
	Bytes   int // of paths and values
}

// Bounds limits the part of the log that one step of the pruner reads and deletes.
type Bounds struct {
	Rows  int // operations
	Bytes int // of values
}

// Entry is a batch of the log without its operations.
type Entry struct {
	ServerSeq int64
	ServerTs  int64 // milliseconds since the Unix epoch
}

// Document is a document row: the state of one store key as of a batch. The rows of a room are written at different times, so
// only its Checkpoint says which part of the log they have.
type Document struct {
	Room      string
	Key       string
	ServerSeq int64  // of the last batch that changed this document
	State     string // JSON
}

// StoredRoom describes a room of the database.
type StoredRoom struct {
	Name      string
	ServerSeq int64 // of the last batch in the log or, without a log, in a document row
	ServerTs  int64 // of the last batch in the log, in milliseconds since the Unix epoch; 0 without a log
	Documents int   // document rows
	Bytes     int64 // size of the document rows, as the database counts it
}

// Checkpoint is a position in a room's log up to which the document rows have every batch. Rows may have later batches, too.
// A room is opened by folding the log after the checkpoint, into each document from its row's ServerSeq. Batches up to the
// checkpoint may be pruned. A checkpoint is saved after the rows that it covers, except the first one of a room: it covers
// what the database already has, and is saved before the room's first row.
type Checkpoint struct {
	Room      string
	ServerSeq int64
	Documents int // number of rows, or fewer; if the room has fewer rows than this, some were deleted by hand
}

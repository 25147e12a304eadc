package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that a Store's methods wrap, so that the core can tell apart what it has to do next. Any other error means
// that the database could not be used: the call may or may not have taken effect, and will be repeated.
var (
	// ErrConflict: the room's log has a batch with one of these serverSeqs, or one beyond them. Nothing was written.
	// Either this very append succeeded earlier and its answer was lost, or another server writes to the same database.
	ErrConflict = errors.New("conflict: the log has moved on")
	// ErrHistoryChanged: the database no longer holds the history that this Store was opened with. Nothing was written.
	// Every later call fails the same way; Reopen returns a Store for the history that is there now.
	ErrHistoryChanged = errors.New("the history of the database has changed")
	// ErrHistoryLost: the database has the epoch of this Store, but not all batches that were acknowledged under it.
	// Nothing was written. It wraps ErrHistoryChanged.
	ErrHistoryLost = fmt.Errorf("%w: acknowledged batches are missing", ErrHistoryChanged)
	// ErrGone: the database is not where it was when it was opened, and nothing else is there. It may come back.
	ErrGone = errors.New("the database is gone")
	// ErrRejected: the database is well and refuses this data. Nothing was written, and repeating it is no use.
	ErrRejected = errors.New("the database refuses this data")
	// ErrUnexplained: the database reports an error that may depend on the data. Nothing was written. Batches that were
	// written together are tried separately, and one that keeps failing alone is treated like ErrRejected.
	ErrUnexplained = errors.New("the database reports an error that may come from this data")
	// ErrTooSlow: the database has given up a call because it took too long, or too much of a resource. Nothing was
	// written. A call that does not end within its context's deadline is treated alike, but its fate is unknown.
	ErrTooSlow = errors.New("the database has given up a call that took too long")
)

// Store is the durable side of pathsync: one history of one database, which is its change log, its document rows and
// its epoch. It never reads from or writes to another history: a call that finds another epoch in the database returns
// ErrHistoryChanged.
//
// All methods may be called at the same time from several goroutines. Contexts carry the limit of each call. Slices
// and strings that are handed over belong to the store for the duration of the call only; what it returns belongs to
// the caller. storetest.Run is the suite that every Store passes.
type Store interface {
	// Epoch names the history. It never changes during the life of a Store.
	Epoch() string

	// Created says that this Store chose the epoch when it was opened. So no event id of it is older than this Store.
	Created() bool

	// Reopen ends this Store and returns one for the history that the database holds now, which may be the same. With
	// lost, a database that still has this Store's epoch gets a new one. Calls under way end first, and no later write
	// succeeds under the old epoch. Reopen does not create a database; after an error, call it again.
	Reopen(ctx context.Context, lost bool) (Store, error)

	// Append logs the batches in one transaction, or none of them. They may be of many rooms; within a room they are
	// in order and their serverSeqs follow on each other. When it returns nil they survive a crash of the machine.
	// It returns an error that wraps ErrConflict when one of their (room, serverSeq) is taken, or when the room's log has
	// a later one: the batch that had this number may have been pruned. It returns ErrHistoryLost when the batch before
	// a room's first one is neither in the log nor in the document rows. A batch without ops would leave no trace in the
	// log, and is ErrRejected.
	Append(ctx context.Context, batches []*Batch) error

	// Log returns the batches of a room after a serverSeq, in order. It ends at the end of the log or when the page
	// is full; a page has at least one batch if there is one.
	Log(ctx context.Context, room string, after int64, page Page) ([]*Batch, error)

	// FindBatch returns the batch of a room that a client sent under this number, and nil when there is none. Were
	// there several, it is the first in the room's order.
	FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*Batch, error)

	// LastClientSeq returns the highest number under which a client has sent to a room, and NoClientSeq when it has
	// sent nothing, or nothing with a number.
	LastClientSeq(ctx context.Context, room, clientID string) (int64, error)

	// Documents returns the document rows of a room, in no order, all as of one moment.
	Documents(ctx context.Context, room string) ([]Document, error)

	// SaveDocuments writes document rows in one transaction, or none of them. They may be of many rooms. A row that
	// is already as new (by ServerSeq) or newer is left as it is. It returns ErrHistoryLost when a row is newer than its
	// room's log, if the room has one.
	SaveDocuments(ctx context.Context, docs []Document) error

	// Head returns the serverSeq of the last batch in a room's log, and 0 when the log has none.
	Head(ctx context.Context, room string) (int64, error)

	// Checkpoint returns the highest checkpoint that was saved for a room. When none was, it is the highest ServerSeq among
	// the room's document rows, as a database has them whose rows were written together; and 0 when there are none.
	Checkpoint(ctx context.Context, room string) (Checkpoint, error)

	// SaveCheckpoints stores the checkpoints of rooms, each of which comes once, in one transaction, or none of them. One
	// that is lower than what the room has is ignored.
	SaveCheckpoints(ctx context.Context, checkpoints []Checkpoint) error

	// NextRoom returns the room of the log that follows on a name, in an order of the store's own that begins after "",
	// and "" at the end.
	NextRoom(ctx context.Context, after string) (string, error)

	// Oldest returns the first batches of a room's log after a serverSeq, in order, without their operations. It ends
	// with the last batch within the bounds, but returns at least one if there is one.
	Oldest(ctx context.Context, room string, after int64, bounds Bounds) ([]Entry, error)

	// Prune takes the batches of a room after a serverSeq up to and including another out of the log, in one transaction.
	// The last batch of the log always stays, whatever is asked for, and so do rows that are no part of the history. Append
	// relies on it: the last row shows how far a log has come, however much of it was pruned.
	Prune(ctx context.Context, room string, after, through int64) error

	// Now returns the time of the database's own clock.
	Now(ctx context.Context) (time.Time, error)

	// Setting returns a value that SaveSetting has stored under a name, and "" when there is none.
	Setting(ctx context.Context, name string) (string, error)

	// SaveSetting stores a value of at most 400 characters under a name of at most 50.
	SaveSetting(ctx context.Context, name, value string) error

	// Ping reports whether the database can be used now, and still holds this history.
	Ping(ctx context.Context) error

	// Close releases the database. Calls that are under way end first or fail.
	Close() error
}

// Page bounds one read of the log: it ends with the batch that reaches either limit.
type Page struct {
	Batches int // at most so many batches
	Bytes   int // no further batch once the paths and values read add up to this
}

// Bounds limits how much of the log one step looks at and prunes.
type Bounds struct {
	Rows  int // operations
	Bytes int // of values
}

// Entry is a batch of the log without its operations.
type Entry struct {
	ServerSeq int64
	ServerTs  int64 // milliseconds since the Unix epoch
}

// Document is one row of document state: one store key as of the last batch that changed it before the row was written.
//
// The rows of a room are written at different moments, so its rows alone do not say what of the log they hold. Its
// Checkpoint does.
type Document struct {
	Room      string
	Key       string
	ServerSeq int64  // of the last batch that changed this document
	State     string // its JSON text
}

// Checkpoint is a position in a room's log up to which the room's document rows hold everything: each batch up to it is
// in the row of its document. Rows may hold more. So a room is opened by folding the log after its checkpoint, into each
// document from its row's ServerSeq on, and batches up to the checkpoint may be pruned. A checkpoint is saved only after
// the rows that it promises; the first of a room, which promises no more than is there, before the room's first row.
type Checkpoint struct {
	Room      string
	ServerSeq int64
	Documents int // the room has at least so many rows: fewer means that some were deleted by hand
}

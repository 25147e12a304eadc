// Package dialect has what the SQL dialects share: the interface between a store and a dialect, the statements that are
// the same in every database, the fence that protects a history, pages of the log, and errors.
package dialect

import (
	"context"
	"database/sql"
	"net"
	"strings"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// Dialect is a connection to one database, and what differs between kinds of databases.
//
// Connect is called first, and Start when the tables are migrated. The other methods may be called from several
// goroutines. Close is called last, also if Connect or Start has failed.
type Dialect interface {
	// Name identifies the database in errors and logs. It contains no secret, user or host.
	Name() string

	// Connect connects to the database. SQLite creates it if needed.
	Connect(ctx context.Context) error

	// Writer is the pool for writes and Reader the pool for single SELECTs. They may be the same pool.
	Writer() *sql.DB
	Reader() *sql.DB

	Placeholders() squirrel.PlaceholderFormat
	Schema() *Schema

	// Start prepares statements, and whatever else needs the tables.
	Start(ctx context.Context) error

	// InsertLog inserts the rows of batches, each with at least one operation, in one transaction. It fails unless the
	// database has the epoch and the rows follow on each room's log; see Verdict. If the error does not wrap one of core,
	// the rows may have been committed.
	InsertLog(ctx context.Context, epoch string, batches []*core.Batch) error
	// ReadLog adds a room's batches after a serverSeq to a page, until the page is full or the log ends.
	ReadLog(ctx context.Context, room string, after int64, page *Page) error
	// LastID returns the highest visible id of the log, and 0 for an empty log.
	LastID(ctx context.Context) (int64, error)
	// ReadTail reads at most limit rows of the log that a cursor has not seen.
	ReadTail(ctx context.Context, c *logtail.Cursor, limit int, page *logtail.Page) error
	// UpsertDocuments inserts document rows, or replaces older ones, in one transaction. It fails unless the database
	// has the epoch and no row is newer than its room's log.
	UpsertDocuments(ctx context.Context, epoch string, docs []core.Document) error
	// UpsertCheckpoints does the same with the checkpoints of rooms.
	UpsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error

	// Prune deletes batches of a room up to a serverSeq with a statement and its arguments. It deletes nothing unless the
	// database has the epoch.
	Prune(ctx context.Context, epoch, room string, through int64, statement *sql.Stmt, args ...any) error

	// LockWrites returns statements that block transactions writing the log, documents or checkpoints. They wait for
	// those that are running, and the lock is held until the transaction ends.
	LockWrites() []string
	// Identity distinguishes the database from a restored copy of it. It is "" if the database offers nothing for that.
	Identity(ctx context.Context) (string, error)
	// Moved returns an error if the file of the open database was deleted, moved or replaced. A store calls it after each
	// use of the database.
	Moved() error
	// Reopen returns a dialect for the database that now has the name of this one, which is closed. With uncertain, that
	// database may lack committed batches although it has the same epoch.
	Reopen() (d Dialect, uncertain bool, err error)
	// Existing returns a dialect for the same database that does not create it.
	Existing() (Dialect, error)

	// Explain wraps a driver's error: with an error of core or ErrRolledBack where one applies, and with a text that
	// tells the cause and the way out. It returns other errors unchanged.
	Explain(err error) error
	// LacksPermission reports whether the database has refused a statement because of the login's permissions.
	LacksPermission(err error) bool

	// Statements returns the dialect's own statements by name, as they are sent.
	Statements() map[string]string

	Close() error
}

// Schema has the tables of a dialect.
type Schema struct {
	Syntax Syntax
	// Exists is a query for the number of tables with a name. Without sync_meta, no server has used the database.
	Exists func(table string) string
	// Lock is a statement that prevents concurrent migrations until the transaction ends; "" if BEGIN already does.
	Lock string
	// Migrations lead from each version of the schema to the next; the first creates the tables. See Batches.
	Migrations []string
	Script     Script
	// Predecessor describes the predecessor's tables.
	Predecessor Predecessor
}

// Script has the parts of a migration script.
type Script struct {
	// Begin and Commit enclose the script. Between separates two batches of statements.
	Begin, Between, Commit string
	// Guard fails unless sync_meta has the schema version $(version), and GuardNew unless there is no sync_meta.
	Guard, GuardNew string
}

// Predecessor describes how statements read the tables of the predecessor.
type Predecessor struct {
	Exact   func(column string) string // a column, compared character by character
	Dotted  func(column string) string // the same with a dot appended, so that trailing blanks count
	Current func(column string) string // one of our columns in the collation of the predecessor's tables
	// CreateNames creates the table of the names that change.
	CreateNames string
	// CopyLog copies rows of the log: the values of columns, as a SELECT selects them from the predecessor's rows p.
	CopyLog func(columns, selection string) string
	// Rename renames a table.
	Rename func(table, name string) string
}

// PlainPredecessor describes tables in a database that compares text exactly: SQLite and PostgreSQL, into which the
// predecessor's tables can only have been copied.
func PlainPredecessor(createNames string) Predecessor {
	same := func(column string) string { return column }
	return Predecessor{
		Exact: same, Current: same,
		Dotted:      func(column string) string { return "(" + column + " || '.')" },
		CreateNames: createNames,
		CopyLog: func(columns, selection string) string {
			return "INSERT INTO $(sync_change_log) (" + columns + ") SELECT " + selection
		},
		Rename: func(table, name string) string { return "ALTER TABLE " + table + " RENAME TO " + name },
	}
}

// ForTable returns Schema.Exists for a query that has $(table) in place of the table's name.
func ForTable(query string) func(table string) string {
	return func(table string) string { return strings.ReplaceAll(query, "$(table)", table) }
}

// InTransaction runs write in a transaction and commits it. If Commit fails, the transaction may have been committed.
func InTransaction(ctx context.Context, db *sql.DB, write func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	if err := write(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// IsLocal reports whether traffic to a host stays on this machine.
func IsLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
}

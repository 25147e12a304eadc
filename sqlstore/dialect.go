package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/core"
)

// dialect is one database of one kind: what differs between the kinds. connect is called first; when the tables are
// migrated, start; then the rest, at the same time from several goroutines; close at the end, however far it got.
type dialect interface {
	// name is how a person knows the database, without a secret, a user or a host.
	name() string

	// connect reaches the database, and makes it if that is how it is made.
	connect(ctx context.Context) error

	// writer is where what is written is written, and reader where single SELECTs are made. They may be the same pool.
	writer() *sql.DB
	reader() *sql.DB

	placeholders() squirrel.PlaceholderFormat
	schema() schema

	// start prepares what needs the tables.
	start(ctx context.Context) error

	// insertLog inserts the rows of batches, each of which has operations, in one transaction that fails unless the
	// database has the epoch and the rows follow on each room's log; see verdict. Until it returns nil, or an error that
	// says otherwise, the fate of the rows is open: a commit whose answer was lost has happened.
	insertLog(ctx context.Context, epoch string, batches []*core.Batch) error
	// readLog adds the batches of a room after a serverSeq to a page, until the page is full or the log ends.
	readLog(ctx context.Context, room string, after int64, page *page) error
	// upsertDocuments inserts the rows of docs, or replaces older ones, in one transaction that fails unless the database
	// has the epoch, and the rows are no newer than each room's log.
	upsertDocuments(ctx context.Context, epoch string, docs []core.Document) error
	// upsertCheckpoints does the same with the checkpoints of rooms.
	upsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error

	// lockWrites is statements by which a transaction waits for all others that write the log, documents or checkpoints,
	// and keeps further ones waiting until it ends.
	lockWrites() []string
	// identity tells this database from a restored copy of it, as far as the database can; "" where it cannot.
	identity(ctx context.Context) (string, error)
	// moved says whether the database is no longer the one that its name leads to. It is called after each use.
	moved() error
	// successor makes a dialect for what the name of a closed one leads to now. With doubt, that may lack batches of the
	// other although it has its epoch.
	successor() (d dialect, doubt bool, err error)

	// explain returns a driver's error wrapped for the core (core.ErrConflict, core.ErrRejected) or for a person. An
	// error that it knows nothing about comes back as it is.
	explain(err error) error

	close() error
}

// schema is the tables of a dialect.
type schema struct {
	idiom idiom
	// exists is a query for the number of tables that have a name. Without sync_meta the database was not used yet.
	exists func(table string) string
	// lock is a statement that keeps other processes from migrating until the transaction ends, if beginning one does
	// not already.
	lock string
	// migrations lead from each version of the schema to the next; the first makes the tables. A line GO in one, as in
	// Microsoft's tools, ends what is sent to the database as one piece.
	migrations []string
	script     scripting
	// old is how the predecessor's tables are read.
	old oldTables
}

// existing makes schema.exists of a query in which the table's name is $(table).
func existing(query string) func(table string) string {
	return func(table string) string { return strings.ReplaceAll(query, "$(table)", table) }
}

// newDialect finds the dialect by the DSN's scheme. Nothing is connected yet. Errors never show the rest of a DSN, which
// may hold a password. What the DSN gives up of safety is warned of in the log.
func newDialect(dsn string, log *slog.Logger) (dialect, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "sqlite":
		return newSQLite(rest)
	case "postgres", "postgresql":
		return newPostgres(dsn, log)
	case "sqlserver":
		return newSQLServer(dsn, log)
	default:
		return nil, fmt.Errorf("%q is not a kind of database that is known: use sqlite:FILE, postgres://… or sqlserver://…", scheme)
	}
}

// Package postgres is the PostgreSQL dialect.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

const (
	// It searches the search_path, as the other statements do. It reads the catalogue because to_regclass may not see a
	// table that another process has just created.
	tableExists = `SELECT COUNT(*) FROM pg_catalog.pg_class
		WHERE relname = '$(table)' AND pg_catalog.pg_table_is_visible(oid)`

	// An arbitrary key, the same for every migration: the letters "pathsync".
	migrationLock = `SELECT pg_advisory_xact_lock(8097881596951621219)`

	// The cluster, its timeline, and the table; at least one differs in a restored copy of the database.
	selectIdentity = `SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' ||
		substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) || '/' || 'sync_change_log'::regclass::oid`

	// The first statement of each connection.
	//   - synchronous_commit: a server or a user may be configured to confirm a COMMIT before it is on the disk.
	//   - plan_cache_mode: without statistics, a plan for specific parameters would sort rows that an index has in order.
	//   - default_transaction_isolation: the check after an append needs its own snapshot, as in READ COMMITTED.
	//   - tcp_keepalives: when the network fails in the middle of a transaction, the server has a part of it. Until it notices
	//     that the client is gone, after two hours by default, inserted rows block their rooms. It notices it after 11 s.
	settings = `SELECT
		set_config('synchronous_commit', CASE setting WHEN 'off' THEN 'on' ELSE setting END, false),
		set_config('plan_cache_mode', 'force_generic_plan', false),
		set_config('default_transaction_isolation', 'read committed', false),
		set_config('tcp_keepalives_idle', '5', false),
		set_config('tcp_keepalives_interval', '2', false),
		set_config('tcp_keepalives_count', '3', false)
		FROM current_setting('synchronous_commit') AS setting`
)

var syntax = dialect.Syntax{
	Now:   "now()",
	Bytes: "octet_length",
	Limit: "LIMIT ?",
}

var script = dialect.Script{
	Begin: "BEGIN;\n" + migrationLock + ";",
	GuardNew: `DO $$ BEGIN
    IF to_regclass('sync_meta') IS NOT NULL THEN
        RAISE EXCEPTION 'the tables are there already: print the script again';
    END IF;
END $$;`,
	Guard: `DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM sync_meta WHERE name = 'schema_version' AND value = '$(version)') THEN
        RAISE EXCEPTION 'the tables do not have version $(version): print the script again';
    END IF;
END $$;`,
	Commit: "COMMIT;",
}

const createNames = `CREATE TABLE $(names) (id BIGINT NOT NULL, kind VARCHAR(4) NOT NULL,
	old_name VARCHAR(256) COLLATE "C" NOT NULL, new_name VARCHAR(255) COLLATE "C", PRIMARY KEY (kind, old_name))`

const lockTables = "LOCK TABLE sync_change_log, sync_documents, sync_checkpoints IN SHARE ROW EXCLUSIVE MODE"

//go:embed migrations
var migrations embed.FS

// The maximum numbers of connections. Reads have their own pool, so that they never delay an append.
const (
	writers = 4 // three for the log, one for document rows
	readers = 8
)

const (
	pingAfter   = 100 * time.Millisecond // a connection that was idle for longer is pinged before use
	maxIdleTime = 5 * time.Minute        // an idle connection is closed after this
	maxLifetime = time.Hour              // a connection is replaced after this, to move to a new primary
)

// Dialect is a PostgreSQL database, version 12 or later, with the driver pgx.
//
// A write is a statement and a check, sent together as one transaction: one round trip. When a call's context ends, the driver closes the connection and cancels the statement through
// another one.
type Dialect struct {
	dsn         string
	tables      dialect.Schema
	write, read *sql.DB
	logChunk    *sql.Stmt
	tail        *sql.Stmt
}

// New returns a dialect for a URL. It connects to nothing yet. It logs a warning if the connection would not be secure.
func New(dsn string, log *slog.Logger) (*Dialect, error) {
	config, err := parseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if risk := riskOf(config); risk != "" {
		log.Warn("the connection to the database is not secure: "+risk+"; add sslmode=verify-full to the URL", "database", "postgres")
	}
	migrations, err := dialect.ReadMigrations(migrations)
	if err != nil {
		return nil, err
	}
	return &Dialect{
		dsn: dsn,
		tables: dialect.Schema{
			Syntax: syntax, Exists: dialect.ForTable(tableExists), Lock: migrationLock, Migrations: migrations, Script: script,
			Predecessor: dialect.PlainPredecessor(createNames),
		},
		write: openPool(config, writers),
		read:  openPool(config, readers),
	}, nil
}

// openPool returns a pool of connections. It opens nothing yet.
func openPool(config *pgx.ConnConfig, size int) *sql.DB {
	db := sql.OpenDB(stdlib.GetConnector(*config,
		stdlib.OptionAfterConnect(prepareConn),
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return p.IdleDuration > pingAfter
		})))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(maxIdleTime)
	db.SetConnMaxLifetime(maxLifetime)
	return db
}

func prepareConn(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().ParameterStatus("server_encoding") != "UTF8" {
		return errEncoding
	}
	registerArrays(conn)
	_, err := conn.Exec(ctx, settings)
	return err
}

// Connect implements dialect.Dialect.
func (d *Dialect) Connect(ctx context.Context) error { return d.write.PingContext(ctx) }

// Start implements dialect.Dialect.
func (d *Dialect) Start(ctx context.Context) (err error) {
	if d.logChunk, err = d.read.PrepareContext(ctx, selectLogChunk); err != nil {
		return err
	}
	d.tail, err = d.read.PrepareContext(ctx, selectTail)
	return err
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name implements dialect.Dialect.
func (d *Dialect) Name() string { return "postgres" }

// Writer implements dialect.Dialect.
func (d *Dialect) Writer() *sql.DB { return d.write }

// Reader implements dialect.Dialect.
func (d *Dialect) Reader() *sql.DB { return d.read }

// Schema implements dialect.Dialect.
func (d *Dialect) Schema() *dialect.Schema { return &d.tables }

// LockWrites implements dialect.Dialect.
func (d *Dialect) LockWrites() []string {
	return []string{lockTables}
}

// Identity implements dialect.Dialect.
func (d *Dialect) Identity(ctx context.Context) (identity string, err error) {
	err = d.read.QueryRowContext(ctx, selectIdentity).Scan(&identity)
	return identity, err
}

// Moved implements dialect.Dialect. The epoch shows a change of the server's database.
func (d *Dialect) Moved() error { return nil }

// Reopen implements dialect.Dialect.
func (d *Dialect) Reopen() (dialect.Dialect, bool, error) {
	next, err := New(d.dsn, slog.New(slog.DiscardHandler))
	return next, false, err
}

// Placeholders implements dialect.Dialect.
func (d *Dialect) Placeholders() squirrel.PlaceholderFormat { return squirrel.Dollar }

// Close implements dialect.Dialect.
func (d *Dialect) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Existing implements dialect.Dialect. Connect never creates a database.
func (d *Dialect) Existing() (dialect.Dialect, error) { return d, nil }

// Statements implements dialect.Dialect.
func (d *Dialect) Statements() map[string]string {
	return map[string]string{
		"insert operations": insertOps, "upsert documents": upsertDocuments, "upsert checkpoints": upsertCheckpoints,
		"check append": checkAppend, "check saved": checkSaved, "log chunk": selectLogChunk, "lock writes": lockTables,
		"identity": selectIdentity, "settings": settings, "last id": selectLastID, "tail": selectTail,
	}
}

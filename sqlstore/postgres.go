package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// It looks where the other statements will: along the search_path. To ask the catalogue and not to_regclass, which
	// reads no table, is what makes tables visible that another process has made a moment ago.
	postgresTableExists = `SELECT COUNT(*) FROM pg_catalog.pg_class
		WHERE relname = '$(table)' AND pg_catalog.pg_table_is_visible(oid)`

	// Any number will do that is the same for all who migrate: these are the letters "pathsync".
	postgresMigrationLock = `SELECT pg_advisory_xact_lock(8097881596951621219)`

	// What a restored copy of the database does not have in common with it: the cluster, its timeline, and the table.
	postgresIdentity = `SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' ||
		substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) || '/' || 'sync_change_log'::regclass::oid`

	// Each connection begins with this. The check of an append needs a snapshot of its own, which each statement has at
	// the isolation level READ COMMITTED. A server or a user may be set up to answer a COMMIT before it is on the disk. And
	// a plan made for each call's parameters would, before the server has gathered statistics, sort what an index has
	// in order.
	postgresSettings = `SELECT
		set_config('synchronous_commit', CASE setting WHEN 'off' THEN 'on' ELSE setting END, false),
		set_config('plan_cache_mode', 'force_generic_plan', false),
		set_config('default_transaction_isolation', 'read committed', false)
		FROM current_setting('synchronous_commit') AS setting`
)

var postgresIdiom = idiom{
	now:   "now()",
	bytes: "octet_length",
	limit: "LIMIT ?",
}

// How many connections a store has at most. Reads have their own, so that many of them never keep an append waiting.
const (
	postgresWriters = 4 // three for the log, one for document rows
	postgresReaders = 8
)

const (
	postgresTrustedTime = 100 * time.Millisecond // then a connection is asked whether it lives before it is used again
	postgresIdleTime    = 5 * time.Minute        // then one is closed that a burst has needed
	postgresLifetime    = time.Hour              // then it is opened anew, perhaps with a server that has taken over
)

// postgres is a dialect: PostgreSQL from version 12 on, by the driver pgx.
//
// What is written is written by a statement and a check, sent together, which are one transaction: one round trip, and no
// transaction that stays open when the network breaks in the middle of it. The driver ends a call whose context has
// ended by closing the connection and asking the server, by another, to give up the statement.
type postgres struct {
	dsn         string
	tables      schema
	write, read *sql.DB
	logChunk    *sql.Stmt
}

// newPostgres takes the URL as a whole.
func newPostgres(dsn string, log *slog.Logger) (*postgres, error) {
	config, err := postgresConfig(dsn)
	if err != nil {
		return nil, err
	}
	if risk := postgresRisk(config); risk != "" {
		log.Warn("the connection to the database is not safe: "+risk+"; sslmode=verify-full in its URL makes it so", "database", "postgres")
	}
	migrations, err := readMigrations("postgres")
	if err != nil {
		return nil, err
	}
	return &postgres{
		dsn: dsn,
		tables: schema{
			idiom: postgresIdiom, exists: existing(postgresTableExists), lock: postgresMigrationLock, migrations: migrations, script: postgresScript,
			old: plainOldTables(`CREATE TABLE $(names) (id BIGINT NOT NULL, kind VARCHAR(4) NOT NULL,
	old_name VARCHAR(256) COLLATE "C" NOT NULL, new_name VARCHAR(255) COLLATE "C", PRIMARY KEY (kind, old_name))`,
				"INSERT INTO $(sync_change_log) ("+takeoverLogColumns+") SELECT "+takeoverLogSelect),
		},
		write: postgresPool(config, postgresWriters),
		read:  postgresPool(config, postgresReaders),
	}, nil
}

// postgresPool makes a pool of connections. It opens nothing yet.
func postgresPool(config *pgx.ConnConfig, size int) *sql.DB {
	db := sql.OpenDB(stdlib.GetConnector(*config,
		stdlib.OptionAfterConnect(preparePostgresConn),
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return p.IdleDuration > postgresTrustedTime
		})))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(postgresIdleTime)
	db.SetConnMaxLifetime(postgresLifetime)
	return db
}

func preparePostgresConn(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().ParameterStatus("server_encoding") != "UTF8" {
		return errPostgresEncoding
	}
	registerPostgresArrays(conn)
	_, err := conn.Exec(ctx, postgresSettings)
	return err
}

func (d *postgres) connect(ctx context.Context) error { return d.write.PingContext(ctx) }

func (d *postgres) start(ctx context.Context) (err error) {
	d.logChunk, err = d.read.PrepareContext(ctx, postgresLogChunk)
	return err
}

func (d *postgres) name() string    { return "postgres" }
func (d *postgres) writer() *sql.DB { return d.write }
func (d *postgres) reader() *sql.DB { return d.read }
func (d *postgres) schema() schema  { return d.tables }

func (d *postgres) lockWrites() []string {
	return []string{"LOCK TABLE sync_change_log, sync_documents, sync_checkpoints IN SHARE ROW EXCLUSIVE MODE"}
}

func (d *postgres) identity(ctx context.Context) (identity string, err error) {
	err = d.read.QueryRowContext(ctx, postgresIdentity).Scan(&identity)
	return identity, err
}

func (d *postgres) moved() error { return nil } // whether the server's database is another shows its epoch

func (d *postgres) successor() (dialect, bool, error) {
	next, err := newPostgres(d.dsn, slog.New(slog.DiscardHandler))
	return next, false, err
}

func (d *postgres) placeholders() squirrel.PlaceholderFormat { return squirrel.Dollar }

func (d *postgres) close() error { return errors.Join(d.read.Close(), d.write.Close()) }

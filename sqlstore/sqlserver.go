package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/Masterminds/squirrel"
	mssql "github.com/microsoft/go-mssqldb"
)

// How many connections a store has at most. Reads have their own, so that many of them never keep an append waiting.
const (
	sqlServerWriters  = 4 // three for the log, one for document rows
	sqlServerReaders  = 8
	sqlServerIdleTime = 5 * time.Minute // then a connection is closed that a burst has needed
	sqlServerLifetime = time.Hour       // then it is opened anew, perhaps with a server that has taken over
)

// sqlServer is a dialect: Microsoft SQL Server from 2016 on, and Azure SQL, by the driver go-mssqldb.
//
// What is written is written by single batches of statements, each of which is its own transaction: one round trip, and
// no transaction that stays open when the network breaks in the middle of it.
type sqlServer struct {
	dsn         string
	schemaName  string
	durability  durabilityCheck
	tables      schema
	write, read *sql.DB
	appendOps   []sizedStatement // one is a transaction
	insertOps   []sizedStatement // several are in one
	checkSpans  []sizedStatement
	upsertDocs  []sizedStatement
	upsertMarks []sizedStatement // of checkpoints
	log         *sql.Stmt
}

func newSQLServer(dsn string, log *slog.Logger) (*sqlServer, error) {
	target, err := parseSQLServerDSN(dsn)
	if err != nil {
		return nil, err
	}
	migrations, err := readMigrations("sqlserver")
	if err != nil {
		return nil, err
	}
	for i := range migrations {
		migrations[i] = inSQLServerSchema(migrations[i], target.schema)
	}
	if target.risk != "" {
		log.Warn("the connection to the database is not safe: "+target.risk, "database", "sqlserver")
	}
	connector := newSQLServerConnector(target.connector)
	d := &sqlServer{
		dsn:        dsn,
		schemaName: target.schema,
		tables: schema{
			idiom: idiom{
				prelude: sqlServerReadPrelude,
				tables:  inSQLServerSchema("[$(schema)].", target.schema),
				text:    sqlServerTextParameter,
				// Of one type, whatever its length, or a statement would be planned once for each length.
				argument: func(text string) any { return mssql.NVarCharMax(text) },
				now:      sqlServerIdiom.now, bytes: sqlServerIdiom.bytes, limit: sqlServerIdiom.limit,
				name: func(name string) any { return sqlServerName(name) },
			},
			exists:     existing(inSQLServerSchema(sqlServerTableExists, target.schema)),
			lock:       sqlServerMigrationLock,
			migrations: migrations,
			script:     sqlServerScript.in(target.schema),
			old:        sqlServerOldTables(),
		},
		write: sqlServerPool(connector, sqlServerWriters),
		read:  sqlServerPool(connector, sqlServerReaders),
	}
	d.durability.setting = d.delayedDurability
	return d, nil
}

// sqlServerPool makes a pool of connections. It opens nothing yet.
func sqlServerPool(connector sqlServerConnector, size int) *sql.DB {
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(sqlServerIdleTime)
	db.SetConnMaxLifetime(sqlServerLifetime)
	return db
}

func (d *sqlServer) connect(ctx context.Context) error { return d.durability.check(ctx) }

// delayedDurability is the database's setting: 0 is DISABLED, 1 ALLOWED, 2 FORCED.
func (d *sqlServer) delayedDurability(ctx context.Context) (setting int, err error) {
	err = d.write.QueryRowContext(ctx, sqlServerDelayedDurability).Scan(&setting)
	return setting, err
}

func (d *sqlServer) start(ctx context.Context) (err error) {
	for _, s := range []struct {
		statements *[]sizedStatement
		text       string
		columns    int
		sizes      []int
	}{
		{&d.appendOps, sqlServerAppend, sqlServerOpColumns, sqlServerOpSizes},
		{&d.insertOps, sqlServerInsertOps, sqlServerOpColumns, sqlServerOpSizes},
		{&d.checkSpans, sqlServerCheckSpans, sqlServerSpanColumns, sqlServerDocumentSizes},
		{&d.upsertDocs, sqlServerUpsertDocuments, sqlServerDocumentColumns, sqlServerDocumentSizes},
		{&d.upsertMarks, sqlServerUpsertCheckpoints, sqlServerCheckpointColumns, sqlServerDocumentSizes},
	} {
		if *s.statements, err = prepareSizes(ctx, d.write, inSQLServerSchema(s.text, d.schemaName), s.columns, s.sizes); err != nil {
			return err
		}
	}
	d.log, err = prepareLog(ctx, d)
	return err
}

func (d *sqlServer) name() string    { return "sqlserver" }
func (d *sqlServer) writer() *sql.DB { return d.write }
func (d *sqlServer) reader() *sql.DB { return d.read }
func (d *sqlServer) schema() schema  { return d.tables }

func (d *sqlServer) lockWrites() []string {
	return []string{
		inSQLServerSchema(sqlServerLockLog, d.schemaName), inSQLServerSchema(sqlServerLockDocuments, d.schemaName),
		inSQLServerSchema(sqlServerLockMarks, d.schemaName),
	}
}

func (d *sqlServer) identity(ctx context.Context) (string, error) {
	var identity sql.NullString
	err := d.read.QueryRowContext(ctx, inSQLServerSchema(sqlServerIdentity, d.schemaName)).Scan(&identity)
	return identity.String, err
}

func (d *sqlServer) moved() error { return nil } // whether the server's database is another shows its epoch

func (d *sqlServer) successor() (dialect, bool, error) {
	next, err := newSQLServer(d.dsn, slog.New(slog.DiscardHandler))
	return next, false, err
}

func (d *sqlServer) placeholders() squirrel.PlaceholderFormat { return squirrel.AtP }

// readLog stops in the middle of the result: the driver then cancels the statement, which costs a round trip.
func (d *sqlServer) readLog(ctx context.Context, room string, after int64, page *page) error {
	return page.read(ctx, d.log, sqlServerName(room), after)
}

func (d *sqlServer) close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Package sqlserver is the dialect of Microsoft SQL Server and Azure SQL.
package sqlserver

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/Masterminds/squirrel"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// The maximum numbers of connections. Reads have their own pool, so that they never delay an append.
const (
	writers     = 4 // three for the log, one for document rows
	readers     = 8
	maxIdleTime = 5 * time.Minute // an idle connection is closed after this
	maxLifetime = time.Hour       // a connection is replaced after this, to move to a new primary
)

//go:embed migrations
var migrations embed.FS

// Dialect is a database of Microsoft SQL Server 2016 or later, or of Azure SQL, with the driver go-mssqldb.
//
// A write is a single batch of statements that is its own transaction: one round trip, and no transaction stays open when
// the network fails.
type Dialect struct {
	dsn         string
	schemaName  string
	durability  durabilityCheck
	tables      dialect.Schema
	write, read *sql.DB
	appendOps   []sizedStatement // inserts and checks rows as a transaction of its own
	insertOps   []sizedStatement // for appends that need several statements
	checkSpans  []sizedStatement
	upsertDocs  []sizedStatement
	checkpoints []sizedStatement // upserts
	log         *sql.Stmt
	tail        []sizedStatement // by the number of gaps
	active      []sizedStatement
	made        time.Time
}

// New returns a dialect for a URL. It connects to nothing yet. It logs a warning if the connection would not be secure.
func New(dsn string, log *slog.Logger) (*Dialect, error) {
	target, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	migrations, err := dialect.ReadMigrations(migrations)
	if err != nil {
		return nil, err
	}
	for i := range migrations {
		migrations[i] = inSchema(migrations[i], target.schema)
	}
	if target.risk != "" {
		log.Warn("the connection to the database is not secure: "+target.risk, "database", "sqlserver")
	}
	connector := newConnector(target.connector)
	d := &Dialect{
		dsn:        dsn,
		made:       time.Now(),
		schemaName: target.schema,
		tables: dialect.Schema{
			Syntax: dialect.Syntax{
				Tables:  inSchema("[$(schema)].", target.schema),
				Prelude: readPrelude,
				Text:    textParameter,
				// Always of the same type, because the server plans a statement once for each type of its parameters.
				Arg:     func(text string) any { return mssql.NVarCharMax(text) },
				NameArg: func(name string) any { return searchName(name) },
				Now:     "SYSUTCDATETIME()",
				Bytes:   "DATALENGTH",
				Limit:   "OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY",
			},
			Exists:      dialect.ForTable(inSchema(tableExists, target.schema)),
			Lock:        migrationLock,
			Migrations:  migrations,
			Script:      scriptIn(target.schema),
			Predecessor: predecessor,
		},
		write: openPool(connector, writers),
		read:  openPool(connector, readers),
	}
	d.durability.setting = d.delayedDurability
	return d, nil
}

// openPool returns a pool of connections. It opens nothing yet.
func openPool(c connector, size int) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(maxIdleTime)
	db.SetConnMaxLifetime(maxLifetime)
	return db
}

// Connect implements dialect.Dialect.
func (d *Dialect) Connect(ctx context.Context) error { return d.durability.check(ctx) }

// delayedDurability returns the database's setting: 0 for DISABLED, 1 for ALLOWED, 2 for FORCED.
func (d *Dialect) delayedDurability(ctx context.Context) (setting int, err error) {
	err = d.write.QueryRowContext(ctx, selectDelayedDurability).Scan(&setting)
	return setting, err
}

// sizedText is a statement with a variable number of rows.
type sizedText struct {
	name       string
	pool       *sql.DB
	statements *[]sizedStatement
	text       string
	columns    int
	sizes      []int
}

func (d *Dialect) sizedTexts() []sizedText {
	texts := []sizedText{
		{"append %d operations", d.write, &d.appendOps, appendOps, opColumns, opSizes},
		{"insert %d operations", d.write, &d.insertOps, insertOps, opColumns, opSizes},
		{"check %d rooms", d.write, &d.checkSpans, checkSpans, spanColumns, documentSizes},
		{"upsert %d documents", d.write, &d.upsertDocs, upsertDocuments, documentColumns, documentSizes},
		{"upsert %d checkpoints", d.write, &d.checkpoints, upsertCheckpoints, checkpointColumns, documentSizes},
		{"tail with %d gaps", d.read, &d.tail, tailRows, gapColumns, gapSizes},
		{"active of %d gaps", d.read, &d.active, activeGaps, gapColumns, gapSizes},
	}
	for i := range texts {
		texts[i].text = inSchema(texts[i].text, d.schemaName)
	}
	return texts
}

// Start implements dialect.Dialect.
func (d *Dialect) Start(ctx context.Context) (err error) {
	for _, s := range d.sizedTexts() {
		if *s.statements, err = prepareSizes(ctx, s.pool, s.text, s.columns, s.sizes); err != nil {
			return err
		}
	}
	d.log, err = dialect.PrepareLog(ctx, d)
	return err
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name implements dialect.Dialect.
func (d *Dialect) Name() string { return "sqlserver" }

// Writer implements dialect.Dialect.
func (d *Dialect) Writer() *sql.DB { return d.write }

// Reader implements dialect.Dialect.
func (d *Dialect) Reader() *sql.DB { return d.read }

// Schema implements dialect.Dialect.
func (d *Dialect) Schema() *dialect.Schema { return &d.tables }

// LockWrites implements dialect.Dialect.
func (d *Dialect) LockWrites() []string {
	return []string{
		inSchema(lockLog, d.schemaName), inSchema(lockDocuments, d.schemaName),
		inSchema(lockCheckpoints, d.schemaName),
	}
}

// Identity implements dialect.Dialect.
func (d *Dialect) Identity(ctx context.Context) (string, error) {
	var identity sql.NullString
	err := d.read.QueryRowContext(ctx, inSchema(selectIdentity, d.schemaName)).Scan(&identity)
	if errors.Is(err, sql.ErrNoRows) { // the view hides its rows from logins without a permission
		return "", nil
	}
	return identity.String, err
}

// Moved implements dialect.Dialect. The epoch shows a change of the server's database.
func (d *Dialect) Moved() error { return nil }

// Reopen implements dialect.Dialect.
func (d *Dialect) Reopen() (dialect.Dialect, bool, error) {
	next, err := New(d.dsn, slog.New(slog.DiscardHandler))
	return next, false, err
}

// Placeholders implements dialect.Dialect.
func (d *Dialect) Placeholders() squirrel.PlaceholderFormat { return squirrel.AtP }

// ReadLog may stop in the middle of a result. The driver then cancels the statement, which costs one round trip.
func (d *Dialect) ReadLog(ctx context.Context, room string, after int64, page *dialect.Page) error {
	return page.Read(ctx, d.log, searchName(room), after)
}

// Close implements dialect.Dialect.
func (d *Dialect) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Existing implements dialect.Dialect. Connect never creates a database.
func (d *Dialect) Existing() (dialect.Dialect, error) { return d, nil }

// Statements implements dialect.Dialect.
func (d *Dialect) Statements() map[string]string {
	all := map[string]string{"durability": selectDelayedDurability, "identity": inSchema(selectIdentity, d.schemaName),
		"last id": inSchema(lastID, d.schemaName)}
	for i, lock := range d.LockWrites() {
		all[fmt.Sprintf("lock %d of writes", i+1)] = lock
	}
	for _, s := range d.sizedTexts() {
		for _, rows := range s.sizes {
			all[fmt.Sprintf(s.name, rows)] = withRows(s.text, rows, s.columns)
		}
	}
	return all
}

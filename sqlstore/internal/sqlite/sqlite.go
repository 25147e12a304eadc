// Package sqlite is the SQLite dialect.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/Masterminds/squirrel"
	_ "modernc.org/sqlite" // the driver "sqlite": SQLite in Go

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// SQLite's own statements. One prepared INSERT per row is as fast as one statement with many rows, and faster than rows
// in a JSON parameter, because there are no network round trips.
const (
	insertOp = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts,
		op_index, client_seq, array_index, discarded, user_id, unindexed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	selectHeads = `SELECT coalesce((SELECT max(server_seq) FROM sync_change_log WHERE room = ?1 AND op_index >= 0), 0),
		coalesce((SELECT max(server_seq) FROM sync_documents WHERE room = ?1), 0)`

	upsertDocument = `INSERT INTO sync_documents (room, store_key, state, server_seq, updated_at)
		VALUES (?, ?, ?, ?, CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
		ON CONFLICT (room, store_key) DO UPDATE
		SET state = excluded.state, server_seq = excluded.server_seq, updated_at = excluded.updated_at
		WHERE excluded.server_seq > sync_documents.server_seq`

	upsertCheckpoint = `INSERT INTO sync_checkpoints (room, server_seq, documents) VALUES (?, ?, ?)
		ON CONFLICT (room) DO UPDATE SET server_seq = excluded.server_seq, documents = excluded.documents
		WHERE excluded.server_seq > sync_checkpoints.server_seq`

	selectLastID = `SELECT coalesce(max(id), 0) FROM sync_change_log`

	// There is one writer, so ids become visible in their order, and no transaction is running when this reads.
	selectTail = `SELECT (SELECT value FROM sync_meta WHERE name = 'epoch'),
		?1 = 0 OR EXISTS (SELECT 1 FROM sync_change_log WHERE room = ?2 AND server_seq >= ?3 AND op_index >= 0 AND id >= ?1),
		0, 0, id, room, server_seq
		FROM (SELECT 1) LEFT JOIN (
			SELECT id, CASE WHEN op_index = 0 THEN room END AS room, server_seq FROM sync_change_log WHERE id >= ?4 ORDER BY id LIMIT ?5
		) ON true ORDER BY id`

	tableExists = `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = '$(table)'`
)

var syntax = dialect.Syntax{
	Now:   "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
	Bytes: "octet_length",
	Limit: "LIMIT ?",

	FindBatch: findBatch, LastClientSeq: selectLastClientSeq,
}

var script = dialect.Script{
	Begin: ".bail on\nBEGIN IMMEDIATE;",
	// With another version, it inserts a second row with the same name, which fails.
	Guard:  "INSERT INTO sync_meta SELECT name, value FROM sync_meta WHERE name = 'schema_version' AND value <> '$(version)';",
	Commit: "COMMIT;",
}

const createNames = `CREATE TABLE $(names) (
	id INTEGER NOT NULL, kind TEXT NOT NULL, old_name TEXT NOT NULL, new_name TEXT, PRIMARY KEY (kind, old_name))`

//go:embed migrations
var migrations embed.FS

// busyTimeout limits the wait for a lock of another process.
const busyTimeout = 5 * time.Second

// readers is the number of concurrent reads. Reads and writes do not wait for each other.
const readers = 4

// Dialect is a SQLite database in one file, in WAL mode. A commit is synced to the disk before it returns.
//
// SQLite has one writer at a time. The write pool has one connection, so that goroutines queue for it instead of polling
// for SQLite's lock. busy_timeout polls only for the locks of other processes.
type Dialect struct {
	file           string
	path           string // absolute
	tables         dialect.Schema
	write, read    *sql.DB
	epoch          *sql.Stmt
	insertOp       *sql.Stmt
	heads          *sql.Stmt
	lastClientSeq  *sql.Stmt
	indexBetween   *sql.Stmt
	indexAfter     *sql.Stmt
	version        *sql.Stmt
	log            *sql.Stmt
	tail           *sql.Stmt
	upsertDocument *sql.Stmt
	upsertPosition *sql.Stmt
	Checkpointer   *Checkpointer
	files          atomic.Pointer[openFiles] // nil before Start
	cache          headCache
	copied         bool // Close has copied the whole write-ahead log into the database
}

// New returns a dialect for a database file. It opens nothing yet.
func New(file string) (*Dialect, error) { return newDialect(file, "rwc") }

// newDialect returns a dialect for a file. The mode rwc creates a missing file, the mode rw does not.
func newDialect(file, mode string) (*Dialect, error) {
	if err := CheckName(file); err != nil {
		return nil, err
	}
	migrations, err := dialect.ReadMigrations(migrations)
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	d := &Dialect{file: file, path: path, tables: dialect.Schema{
		Syntax: syntax, Exists: dialect.ForTable(tableExists), Migrations: migrations, Script: script,
		Predecessor: dialect.PlainPredecessor(createNames),
	}}
	// The writer syncs each commit (synchronous=FULL), leaves checkpoints to the Checkpointer, and truncates the
	// write-ahead log to 64 MiB after a burst. Its transactions take the lock at BEGIN, because a transaction that reads
	// first cannot wait for the lock later. Its page cache has 16 MB.
	vfs, err := registerVFS()
	if err != nil {
		return nil, err
	}
	d.write, err = OpenPool(path, vfs, mode, 1, "journal_mode(WAL)", "synchronous(FULL)",
		"wal_autocheckpoint(0)", "journal_size_limit(67108864)", "cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	d.read, err = OpenPool(path, "", "rw", readers, "query_only(1)")
	if err != nil {
		return nil, err
	}
	return d, nil
}

// OpenPool returns a pool whose connections execute some pragmas first. Without the name of a VFS, they use SQLite's own. It
// opens nothing yet.
func OpenPool(path, vfs, mode string, size int, pragmas ...string) (*sql.DB, error) {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	pragmas = append(pragmas, fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()))
	parameters := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}, "_error_rc": {"1"}}
	if vfs != "" {
		parameters.Set("vfs", vfs)
	}
	uri.RawQuery = parameters.Encode()
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// Connect creates a missing file. When several processes do so at once, SQLite fails the switch to WAL mode with
// SQLITE_BUSY without waiting, so Connect retries.
func (d *Dialect) Connect(ctx context.Context) error {
	timeout := time.After(busyTimeout)
	for {
		err := d.write.PingContext(ctx)
		if !isBusy(err) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-timeout:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Start implements dialect.Dialect.
func (d *Dialect) Start(ctx context.Context) (err error) {
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&d.epoch, "SELECT value FROM sync_meta WHERE name = 'epoch'"},
		{&d.insertOp, insertOp}, {&d.heads, selectHeads}, {&d.version, "PRAGMA data_version"},
		{&d.lastClientSeq, selectLastClientSeq}, {&d.indexBetween, indexBetween}, {&d.indexAfter, indexAfter},
		{&d.upsertDocument, upsertDocument}, {&d.upsertPosition, upsertCheckpoint},
	} {
		//nolint:sqlclosecheck // closed with the pool
		if *s.stmt, err = d.write.PrepareContext(ctx, s.text); err != nil {
			return err
		}
	}
	if d.log, err = dialect.PrepareLog(ctx, d); err != nil {
		return err
	}
	if d.tail, err = d.read.PrepareContext(ctx, selectTail); err != nil {
		return err
	}
	if err := d.recordFiles(ctx); err != nil {
		return err
	}
	d.Checkpointer = NewCheckpointer(d.read, d.write, func() bool { return !errors.Is(d.Moved(), errTruncated) })
	d.Checkpointer.start(context.WithoutCancel(ctx))
	return nil
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name implements dialect.Dialect.
func (d *Dialect) Name() string { return d.file }

// Writer implements dialect.Dialect.
func (d *Dialect) Writer() *sql.DB { return d.write }

// Reader implements dialect.Dialect.
func (d *Dialect) Reader() *sql.DB { return d.read }

// Schema implements dialect.Dialect.
func (d *Dialect) Schema() *dialect.Schema { return &d.tables }

// Placeholders implements dialect.Dialect.
func (d *Dialect) Placeholders() squirrel.PlaceholderFormat { return squirrel.Question }

// InsertLog implements dialect.Dialect.
func (d *Dialect) InsertLog(ctx context.Context, epoch string, batches []*core.Batch) error {
	return d.inWrite(ctx, epoch, func(ctx context.Context, tx *sql.Tx) (c changes, err error) {
		if c.heads, err = d.checkAppendLocked(ctx, tx, batches); err != nil {
			return c, err
		}
		c.senders = senders{d.cache.senders, map[sender]sent{}}
		insert := tx.StmtContext(ctx, d.insertOp)
		defer insert.Close()
		for _, b := range batches {
			unindexed, err := c.senders.unindexed(ctx, d, tx, b)
			if err != nil {
				return c, err
			}
			for i := range b.Ops {
				if _, err := insert.ExecContext(ctx, opArguments(b, i, unindexed)...); err != nil {
					return c, err
				}
				unindexed = nil
			}
		}
		return c, nil
	})
}

// opArguments returns the arguments of insertOp.
func opArguments(b *core.Batch, i int, unindexed any) []any {
	op := &b.Ops[i]
	return []any{b.Room, b.Key, op.Path, string(op.Kind), dialect.NullIf("", op.Value), b.ClientID, b.ServerSeq, b.ServerTs, i,
		dialect.NullIf(core.NoClientSeq, b.ClientSeq), dialect.NullIf(tree.NoIndex, op.Index), dialect.NullIf("", string(op.Discarded)),
		dialect.NullIf("", b.UserID), unindexed}
}

// ReadLog reads one SELECT. SQLite computes rows on demand, so unread rows cost nothing.
func (d *Dialect) ReadLog(ctx context.Context, room string, after int64, page *dialect.Page) error {
	return page.Read(ctx, d.log, room, after)
}

// LastID implements dialect.Dialect.
func (d *Dialect) LastID(ctx context.Context) (id int64, err error) {
	err = d.read.QueryRowContext(ctx, selectLastID).Scan(&id)
	return id, err
}

// ReadTail implements dialect.Dialect.
func (d *Dialect) ReadTail(ctx context.Context, c *logtail.Cursor, limit int, page *logtail.Page) error {
	return dialect.ReadTail(ctx, d.tail, limit, page, c.Last.ID, c.Last.Room, c.Last.ServerSeq, c.Next, limit)
}

// UpsertDocuments implements dialect.Dialect.
func (d *Dialect) UpsertDocuments(ctx context.Context, epoch string, docs []core.Document) error {
	return d.inWrite(ctx, epoch, func(ctx context.Context, tx *sql.Tx) (c changes, err error) {
		upsert := tx.StmtContext(ctx, d.upsertDocument)
		defer upsert.Close()
		for _, doc := range docs {
			if err := d.checkSavedLocked(ctx, tx, doc.Room, doc.ServerSeq); err != nil {
				return c, err
			}
			if _, err := upsert.ExecContext(ctx, doc.Room, doc.Key, doc.State, doc.ServerSeq); err != nil {
				return c, err
			}
		}
		return c, nil
	})
}

// UpsertCheckpoints implements dialect.Dialect.
func (d *Dialect) UpsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error {
	return d.inWrite(ctx, epoch, func(ctx context.Context, tx *sql.Tx) (c changes, err error) {
		upsert := tx.StmtContext(ctx, d.upsertPosition)
		defer upsert.Close()
		for _, at := range checkpoints {
			if err := d.checkSavedLocked(ctx, tx, at.Room, at.ServerSeq); err != nil {
				return c, err
			}
			if _, err := upsert.ExecContext(ctx, at.Room, at.ServerSeq, at.Documents); err != nil {
				return c, err
			}
		}
		return c, nil
	})
}

// Close closes the writer last: when the last connection closes, SQLite checkpoints and removes the write-ahead log.
func (d *Dialect) Close() error {
	if d.Checkpointer != nil {
		d.Checkpointer.Close()
	}
	if errors.Is(d.Moved(), errTruncated) {
		return errTruncated // closing the connections would copy the write-ahead log
	}
	err := d.read.Close()
	d.copied = d.copyLog()
	err = errors.Join(err, d.write.Close())
	if files := d.files.Load(); files != nil {
		err = errors.Join(err, files.header.Close())
	}
	return err
}

// LacksPermission implements dialect.Dialect. SQLite has no logins.
func (d *Dialect) LacksPermission(error) bool { return false }

// Statements implements dialect.Dialect.
func (d *Dialect) Statements() map[string]string {
	return map[string]string{
		"insert operation": insertOp, "heads": selectHeads, "index between": indexBetween, "index after": indexAfter, "upsert document": upsertDocument, "upsert checkpoint": upsertCheckpoint,
		"last id": selectLastID, "tail": selectTail,
	}
}

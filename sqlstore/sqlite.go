package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/Masterminds/squirrel"
	_ "modernc.org/sqlite" // the driver "sqlite": SQLite translated to Go, nothing to install

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// The statements that are SQLite's own. One prepared INSERT, executed row by row in a transaction, is as fast here as
// rows gathered into one statement and faster than rows in a JSON parameter: there is no network to save trips over.
const (
	sqliteInsertOp = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts,
		op_index, client_seq, array_index, discarded, user_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	sqliteHeads = `SELECT coalesce((SELECT max(server_seq) FROM sync_change_log WHERE room = ?1 AND op_index >= 0), 0),
		coalesce((SELECT max(server_seq) FROM sync_documents WHERE room = ?1), 0)`

	sqliteUpsertDocument = `INSERT INTO sync_documents (room, store_key, state, server_seq, updated_at)
		VALUES (?, ?, ?, ?, CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
		ON CONFLICT (room, store_key) DO UPDATE
		SET state = excluded.state, server_seq = excluded.server_seq, updated_at = excluded.updated_at
		WHERE excluded.server_seq > sync_documents.server_seq`

	sqliteUpsertCheckpoint = `INSERT INTO sync_checkpoints (room, server_seq, documents) VALUES (?, ?, ?)
		ON CONFLICT (room) DO UPDATE SET server_seq = excluded.server_seq, documents = excluded.documents
		WHERE excluded.server_seq > sync_checkpoints.server_seq`

	sqliteTableExists = `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = '$(table)'`
)

var sqliteIdiom = idiom{
	now:   "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
	bytes: "octet_length",
	limit: "LIMIT ?",
}

// sqliteBusyTimeout is how long another process is waited for that has the lock.
const sqliteBusyTimeout = 5 * time.Second

// sqliteReaders is how many reads run at the same time. They never wait for the writer, nor it for them.
const sqliteReaders = 4

// sqlite is a dialect: SQLite in one file, in WAL mode. A commit is synced to the disk before it is answered.
//
// SQLite has one writer at a time. That is a pool of one connection here, so that goroutines queue for it instead of
// polling for its lock. Only other processes are polled for, by busy_timeout.
type sqlite struct {
	file           string
	path           string // absolute
	tables         schema
	write, read    *sql.DB
	epoch          *sql.Stmt
	insertOp       *sql.Stmt
	heads          *sql.Stmt
	version        *sql.Stmt
	log            *sql.Stmt
	upsertDocument *sql.Stmt
	upsertPosition *sql.Stmt
	checkpoints    *checkpointer
	files          atomic.Pointer[sqliteFiles] // that are open; nil before start
	seen           sqliteSeen
	copied         bool // when it was closed, the write-ahead log was copied into the database
}

func newSQLite(file string) (*sqlite, error) { return makeSQLite(file, "rwc") }

// makeSQLite makes a dialect for a file, which is made by the mode rwc if there is none, and not by rw.
func makeSQLite(file, mode string) (*sqlite, error) {
	if err := CheckSQLiteFile(file); err != nil {
		return nil, err
	}
	migrations, err := readMigrations("sqlite")
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	d := &sqlite{file: file, path: path, tables: schema{
		idiom: sqliteIdiom, exists: existing(sqliteTableExists), migrations: migrations, script: sqliteScript,
		old: plainOldTables(`CREATE TABLE $(names) (
	id INTEGER NOT NULL, kind TEXT NOT NULL, old_name TEXT NOT NULL, new_name TEXT, PRIMARY KEY (kind, old_name))`,
			"INSERT INTO $(sync_change_log) ("+takeoverLogColumns+") SELECT "+takeoverLogSelect),
	}}
	// The writer syncs each commit (synchronous=FULL), leaves checkpoints to the checkpointer, and gives back what a
	// burst has made of the write-ahead log beyond 64 MiB. Its transactions take the lock when they begin, because a
	// transaction that reads first cannot wait for it later. Pages that it changes stay in 16 MB of memory.
	d.write, err = sqlitePool(path, mode, 1, "journal_mode(WAL)", "synchronous(FULL)",
		"wal_autocheckpoint(0)", "journal_size_limit(67108864)", "cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	d.read, err = sqlitePool(path, "rw", sqliteReaders, "query_only(1)")
	if err != nil {
		return nil, err
	}
	return d, nil
}

// sqlitePool makes a pool whose connections begin with some pragmas. It opens nothing yet.
func sqlitePool(path, mode string, size int, pragmas ...string) (*sql.DB, error) {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	pragmas = append(pragmas, fmt.Sprintf("busy_timeout(%d)", sqliteBusyTimeout.Milliseconds()))
	uri.RawQuery = url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}, "_error_rc": {"1"}}.Encode()
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// connect makes the file if there is none. When several processes do so at once, SQLite refuses all but one the switch
// to WAL mode without waiting for its lock, so it is waited for here.
func (d *sqlite) connect(ctx context.Context) error {
	patience := time.After(sqliteBusyTimeout)
	for {
		err := d.write.PingContext(ctx)
		if !isBusy(err) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-patience:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *sqlite) start(ctx context.Context) (err error) {
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&d.epoch, "SELECT value FROM sync_meta WHERE name = 'epoch'"},
		{&d.insertOp, sqliteInsertOp}, {&d.heads, sqliteHeads}, {&d.version, "PRAGMA data_version"},
		{&d.upsertDocument, sqliteUpsertDocument}, {&d.upsertPosition, sqliteUpsertCheckpoint},
	} {
		//nolint:sqlclosecheck // they live as long as the pool, and are closed with it
		if *s.stmt, err = d.write.PrepareContext(ctx, s.text); err != nil {
			return err
		}
	}
	if d.log, err = prepareLog(ctx, d); err != nil {
		return err
	}
	if err := d.recordFiles(ctx); err != nil {
		return err
	}
	d.checkpoints = newCheckpointer(d.read, d.write, func() bool { return !errors.Is(d.moved(), errTruncated) })
	d.checkpoints.start(context.WithoutCancel(ctx))
	return nil
}

func (d *sqlite) name() string    { return d.file }
func (d *sqlite) writer() *sql.DB { return d.write }
func (d *sqlite) reader() *sql.DB { return d.read }
func (d *sqlite) schema() schema  { return d.tables }

func (d *sqlite) placeholders() squirrel.PlaceholderFormat { return squirrel.Question }

func (d *sqlite) insertLog(ctx context.Context, epoch string, batches []*core.Batch) error {
	return d.inWrite(ctx, epoch, func(tx *sql.Tx) (heads map[string]int64, err error) {
		if heads, err = d.follow(ctx, tx, batches); err != nil {
			return nil, err
		}
		insert := tx.StmtContext(ctx, d.insertOp)
		defer insert.Close()
		for _, b := range batches {
			for i := range b.Ops {
				if _, err := insert.ExecContext(ctx, sqliteOp(b, i)...); err != nil {
					return nil, err
				}
			}
		}
		return heads, nil
	})
}

// sqliteOp are the parameters of an operation's row.
func sqliteOp(b *core.Batch, i int) []any {
	op := &b.Ops[i]
	return []any{b.Room, b.Key, op.Path, string(op.Kind), unless("", op.Value), b.ClientID, b.ServerSeq, b.ServerTs, i,
		unless(core.NoClientSeq, b.ClientSeq), unless(tree.NoIndex, op.Index), unless("", string(op.Discarded)),
		unless("", b.UserID)}
}

// readLog reads one SELECT: SQLite makes rows as they are asked for, so the rest of them costs nothing.
func (d *sqlite) readLog(ctx context.Context, room string, after int64, page *page) error {
	return page.read(ctx, d.log, room, after)
}

func (d *sqlite) upsertDocuments(ctx context.Context, epoch string, docs []core.Document) error {
	return d.inWrite(ctx, epoch, func(tx *sql.Tx) (map[string]int64, error) {
		upsert := tx.StmtContext(ctx, d.upsertDocument)
		defer upsert.Close()
		for _, doc := range docs {
			if err := d.expectLogged(ctx, tx, doc.Room, doc.ServerSeq); err != nil {
				return nil, err
			}
			if _, err := upsert.ExecContext(ctx, doc.Room, doc.Key, doc.State, doc.ServerSeq); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

func (d *sqlite) upsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error {
	return d.inWrite(ctx, epoch, func(tx *sql.Tx) (map[string]int64, error) {
		upsert := tx.StmtContext(ctx, d.upsertPosition)
		defer upsert.Close()
		for _, c := range checkpoints {
			if err := d.expectLogged(ctx, tx, c.Room, c.ServerSeq); err != nil {
				return nil, err
			}
			if _, err := upsert.ExecContext(ctx, c.Room, c.ServerSeq, c.Documents); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// close closes the writer last: with the last connection, SQLite empties the write-ahead log and removes its file.
func (d *sqlite) close() error {
	if d.checkpoints != nil {
		d.checkpoints.close()
	}
	if errors.Is(d.moved(), errTruncated) {
		return errTruncated // closing copies the write-ahead log
	}
	err := d.read.Close()
	d.copied = d.copyLog()
	err = errors.Join(err, d.write.Close())
	if files := d.files.Load(); files != nil {
		err = errors.Join(err, files.header.Close())
	}
	return err
}

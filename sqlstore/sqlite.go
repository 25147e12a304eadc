package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
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
	tables         schema
	write, read    *sql.DB
	insertOp       *sql.Stmt
	log            *sql.Stmt
	upsertDocument *sql.Stmt
	upsertPosition *sql.Stmt
	checkpoints    *checkpointer
}

func newSQLite(file string) (*sqlite, error) {
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
	d := &sqlite{file: file, tables: schema{
		idiom: sqliteIdiom, exists: existing(sqliteTableExists), migrations: migrations, script: sqliteScript,
		old: plainOldTables(`CREATE TABLE $(names) (
	id INTEGER NOT NULL, kind TEXT NOT NULL, old_name TEXT NOT NULL, new_name TEXT, PRIMARY KEY (kind, old_name))`,
			"INSERT INTO $(sync_change_log) ("+takeoverLogColumns+") SELECT "+takeoverLogSelect),
	}}
	// The writer syncs each commit (synchronous=FULL), leaves checkpoints to the checkpointer, and gives back what a
	// burst has made of the write-ahead log beyond 64 MiB. Its transactions take the lock when they begin, because a
	// transaction that reads first cannot wait for it later. Pages that it changes stay in 16 MB of memory.
	d.write, err = sqlitePool(path, 1, "journal_mode(WAL)", "synchronous(FULL)",
		"wal_autocheckpoint(0)", "journal_size_limit(67108864)", "cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	d.read, err = sqlitePool(path, sqliteReaders, "query_only(1)")
	if err != nil {
		return nil, err
	}
	return d, nil
}

// sqlitePool makes a pool whose connections begin with some pragmas. It opens nothing yet.
func sqlitePool(path string, size int, pragmas ...string) (*sql.DB, error) {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	pragmas = append(pragmas, fmt.Sprintf("busy_timeout(%d)", sqliteBusyTimeout.Milliseconds()))
	uri.RawQuery = url.Values{"_pragma": pragmas, "_txlock": {"immediate"}, "_error_rc": {"1"}}.Encode()
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
	if d.insertOp, err = d.write.PrepareContext(ctx, sqliteInsertOp); err != nil {
		return err
	}
	if d.log, err = prepareLog(ctx, d); err != nil {
		return err
	}
	if d.upsertDocument, err = d.write.PrepareContext(ctx, sqliteUpsertDocument); err != nil {
		return err
	}
	if d.upsertPosition, err = d.write.PrepareContext(ctx, sqliteUpsertCheckpoint); err != nil {
		return err
	}
	d.checkpoints = newCheckpointer(d.read, d.write)
	d.checkpoints.start(context.WithoutCancel(ctx))
	return nil
}

func (d *sqlite) name() string    { return d.file }
func (d *sqlite) writer() *sql.DB { return d.write }
func (d *sqlite) reader() *sql.DB { return d.read }
func (d *sqlite) schema() schema  { return d.tables }

func (d *sqlite) placeholders() squirrel.PlaceholderFormat { return squirrel.Question }

func (d *sqlite) insertLog(ctx context.Context, batches []*core.Batch) error {
	return inTransaction(ctx, d.write, func(tx *sql.Tx) error {
		insert := tx.StmtContext(ctx, d.insertOp)
		defer insert.Close()
		for _, b := range batches {
			for i, op := range b.Ops {
				_, err := insert.ExecContext(ctx, b.Room, b.Key, op.Path, string(op.Kind), unless("", op.Value),
					b.ClientID, b.ServerSeq, b.ServerTs, i, unless(core.NoClientSeq, b.ClientSeq),
					unless(tree.NoIndex, op.Index), unless("", string(op.Discarded)),
					unless("", b.UserID))
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// readLog reads one SELECT: SQLite makes rows as they are asked for, so the rest of them costs nothing.
func (d *sqlite) readLog(ctx context.Context, room string, after int64, page *page) error {
	return page.read(ctx, d.log, room, after)
}

func (d *sqlite) upsertDocuments(ctx context.Context, docs []core.Document) error {
	return inTransaction(ctx, d.write, func(tx *sql.Tx) error {
		upsert := tx.StmtContext(ctx, d.upsertDocument)
		defer upsert.Close()
		for _, doc := range docs {
			if _, err := upsert.ExecContext(ctx, doc.Room, doc.Key, doc.State, doc.ServerSeq); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *sqlite) upsertCheckpoints(ctx context.Context, checkpoints []core.Checkpoint) error {
	return inTransaction(ctx, d.write, func(tx *sql.Tx) error {
		upsert := tx.StmtContext(ctx, d.upsertPosition)
		defer upsert.Close()
		for _, c := range checkpoints {
			if _, err := upsert.ExecContext(ctx, c.Room, c.ServerSeq, c.Documents); err != nil {
				return err
			}
		}
		return nil
	})
}

// close closes the writer last: with the last connection, SQLite empties the write-ahead log and removes its file.
func (d *sqlite) close() error {
	if d.checkpoints != nil {
		d.checkpoints.close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

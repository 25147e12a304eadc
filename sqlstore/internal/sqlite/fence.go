package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"sync"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// headCache has what the writing connection last read from the database: the epoch, the heads of rooms, and the senders of batches. It is valid
// until another connection changes the database, which SQLite reports by data_version. So most appends need not look up
// the heads of their rooms.
type headCache struct {
	mu      sync.Mutex // held during a write
	conn    any        // the driver's connection: data_version is relative to a connection
	version int64
	epoch   string
	heads   map[string]int64 // the last serverSeq of a room's log
	senders map[sender]sent
}

// changes is what a write changes of the cache when it is committed.
type changes struct {
	heads   map[string]int64
	senders senders
}

// maxHeads limits the number of cached heads.
const maxHeads = 10_000

// resetLocked makes the next write read everything from the database.
func (c *headCache) resetLocked() {
	c.conn, c.heads, c.senders = nil, map[string]int64{}, map[sender]sent{}
}

// inWrite calls write in a transaction in which the database has the epoch.
//
// The transaction ends with ctx, but the statements get a context that does not end: the driver starts a goroutine for each
// call whose context can end, which costs more than some of the statements.
func (d *Dialect) inWrite(ctx context.Context, epoch string, write func(context.Context, *sql.Tx) (changes, error)) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var driver any
	if err := conn.Raw(func(c any) error { driver = c; return nil }); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit

	d.cache.mu.Lock()
	defer d.cache.mu.Unlock()
	statement := context.WithoutCancel(ctx)
	if err := d.refreshLocked(statement, driver, tx); err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	if d.cache.epoch != epoch {
		return dialect.OtherEpoch.Err()
	}
	changed, err := write(statement, tx)
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	if err := tx.Commit(); err != nil {
		d.cache.resetLocked() // the transaction may have been committed
		return err
	}
	if len(d.cache.heads)+len(changed.heads) > maxHeads {
		clear(d.cache.heads)
	}
	maps.Copy(d.cache.heads, changed.heads)
	changed.senders.addTo(d.cache.senders)
	return nil
}

// refreshLocked reads the epoch and empties the cache if another connection has changed the database.
func (d *Dialect) refreshLocked(ctx context.Context, driver any, tx *sql.Tx) error {
	var version int64
	query := tx.StmtContext(ctx, d.version)
	defer query.Close()
	if err := query.QueryRowContext(ctx).Scan(&version); err != nil {
		return err
	}
	if d.cache.conn == driver && d.cache.version == version {
		return nil
	}
	d.cache.resetLocked()
	epoch := tx.StmtContext(ctx, d.epoch)
	defer epoch.Close()
	err := epoch.QueryRowContext(ctx).Scan(&d.cache.epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return dialect.OtherEpoch.Err()
	}
	if err == nil {
		d.cache.conn, d.cache.version = driver, version
	}
	return err
}

// checkAppendLocked checks that each room's log ends before its first batch, and that the batch before that is in the log
// or in the document rows. The transaction has SQLite's write lock, so nothing else is appended. It returns the heads
// after the append.
func (d *Dialect) checkAppendLocked(ctx context.Context, tx *sql.Tx, batches []*core.Batch) (heads map[string]int64, err error) {
	all := dialect.Spans(batches)
	heads = make(map[string]int64, len(all))
	for _, s := range all {
		heads[s.Room] = s.Last
		if log, known := d.cache.heads[s.Room]; known && log == s.First-1 {
			continue
		}
		log, documents, err := d.headsOf(ctx, tx, s.Room)
		switch {
		case err != nil:
			return nil, err
		case log >= s.First:
			return nil, dialect.Conflict.Err()
		case log != s.First-1 && documents < s.First-1:
			return nil, dialect.Gap.Err()
		}
	}
	return heads, nil
}

// checkSavedLocked checks that a room's log, unless it is empty, reaches a serverSeq.
func (d *Dialect) checkSavedLocked(ctx context.Context, tx *sql.Tx, room string, serverSeq int64) (err error) {
	log, known := d.cache.heads[room]
	if !known {
		if log, _, err = d.headsOf(ctx, tx, room); err != nil {
			return err
		}
	}
	if log > 0 && log < serverSeq {
		return dialect.Gap.Err()
	}
	return nil
}

// headsOf returns the last serverSeq of a room's log and of its document rows; 0 without rows.
func (d *Dialect) headsOf(ctx context.Context, tx *sql.Tx, room string) (log, documents int64, err error) {
	query := tx.StmtContext(ctx, d.heads)
	defer query.Close()
	err = query.QueryRowContext(ctx, room).Scan(&log, &documents)
	return log, documents, err
}

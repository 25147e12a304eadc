package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"sync"

	"github.com/pathsync/pathsync/core"
)

// sqliteSeen is what the writing connection has seen in the database. It holds until another connection changes the
// database, which SQLite tells by its data_version. So most appends need no search for the ends of their rooms' logs.
type sqliteSeen struct {
	mu      sync.Mutex // held during a write
	conn    any        // the driver's connection: a version has a meaning on that one alone
	version int64
	epoch   string
	heads   map[string]int64 // the last serverSeq of a room's log
}

// sqliteMostHeads bounds how many rooms' heads are kept.
const sqliteMostHeads = 10_000

// forget makes the next write look everything up.
func (s *sqliteSeen) forget() { s.conn, s.heads = nil, map[string]int64{} }

// inWrite calls write in a transaction in which the database has the epoch. write returns where the rooms' logs end
// after it.
func (d *sqlite) inWrite(ctx context.Context, epoch string, write func(*sql.Tx) (map[string]int64, error)) error {
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
	defer func() { _ = tx.Rollback() }() // does nothing after Commit

	d.seen.mu.Lock()
	defer d.seen.mu.Unlock()
	if err := d.look(ctx, driver, tx); err != nil {
		return err
	}
	if d.seen.epoch != epoch {
		return otherEpoch.error()
	}
	heads, err := write(tx)
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		d.seen.forget() // it may have happened
		return err
	}
	if len(d.seen.heads)+len(heads) > sqliteMostHeads {
		clear(d.seen.heads)
	}
	maps.Copy(d.seen.heads, heads)
	return nil
}

// look forgets what was seen if another connection has changed the database since.
func (d *sqlite) look(ctx context.Context, driver any, tx *sql.Tx) error {
	var version int64
	query := tx.StmtContext(ctx, d.version)
	defer query.Close()
	if err := query.QueryRowContext(ctx).Scan(&version); err != nil {
		return err
	}
	if d.seen.conn == driver && d.seen.version == version {
		return nil
	}
	d.seen.forget()
	epoch := tx.StmtContext(ctx, d.epoch)
	defer epoch.Close()
	err := epoch.QueryRowContext(ctx).Scan(&d.seen.epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return otherEpoch.error()
	}
	if err == nil {
		d.seen.conn, d.seen.version = driver, version
	}
	return err
}

// follow expects each room's log to end before its first batch, and the batch before that to be in the log or in the
// documents. The transaction has the writer's lock, so nothing is added to the log meanwhile. It returns where the logs
// end afterwards.
func (d *sqlite) follow(ctx context.Context, tx *sql.Tx, batches []*core.Batch) (heads map[string]int64, err error) {
	all := spans(batches)
	heads = make(map[string]int64, len(all))
	for _, s := range all {
		heads[s.room] = s.last
		if log, known := d.seen.heads[s.room]; known && log == s.first-1 {
			continue
		}
		log, documents, err := d.headsOf(ctx, tx, s.room)
		switch {
		case err != nil:
			return nil, err
		case log >= s.first:
			return nil, movedOn.error()
		case log != s.first-1 && documents < s.first-1:
			return nil, hasGap.error()
		}
	}
	return heads, nil
}

// expectLogged expects that a room's log, if it has one, reaches a serverSeq.
func (d *sqlite) expectLogged(ctx context.Context, tx *sql.Tx, room string, serverSeq int64) (err error) {
	log, known := d.seen.heads[room]
	if !known {
		if log, _, err = d.headsOf(ctx, tx, room); err != nil {
			return err
		}
	}
	if log > 0 && log < serverSeq {
		return hasGap.error()
	}
	return nil
}

// headsOf returns the last serverSeq of a room's log and of its documents, and 0 where there is none.
func (d *sqlite) headsOf(ctx context.Context, tx *sql.Tx, room string) (log, documents int64, err error) {
	query := tx.StmtContext(ctx, d.heads)
	defer query.Close()
	err = query.QueryRowContext(ctx, room).Scan(&log, &documents)
	return log, documents, err
}

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// The index of clients has only some batches of each client. An entry of every batch would dirty a page for each client in
// each transaction, which is a third of the cost of a row.
//
// Invariant: of the client's indexed batches with a lower clientSeq, the one with the highest is less than indexDistance batches
// of the room before an unindexed batch. So reading indexDistance batches of the log from there finds it. Three things could
// break the invariant:
//   - a clientSeq that is not higher than all before it: the unindexed batches near it are put into the index;
//   - pruning: the unindexed batches that follow are put into the index;
//   - another process, which may do both: the next batch of each client is indexed.
//
// The statements below have the number, too. They look up each batch by its number, so that the other operations of large batches
// are not read.
const indexDistance = 64

// The parameters are those of dialect.Texts.
const (
	inClientIndex = `op_index = 0 AND client_seq IS NOT NULL AND unindexed IS NULL`

	// withNear are the numbers of the batches that are near one or several first ones, which is a SELECT.
	withNear = `WITH RECURSIVE near (at, last) AS (SELECT server_seq, server_seq + 63 FROM (%s)
		UNION ALL SELECT at + 1, last FROM near WHERE at < last) `

	// nearBatches are the first rows of these batches.
	nearBatches = ` FROM near CROSS JOIN sync_change_log AS l WHERE l.server_seq = near.at AND l.op_index = 0 AND `
)

var (
	selectLastClientSeq = fmt.Sprintf(withNear, `SELECT server_seq FROM sync_change_log
		WHERE `+inClientIndex+` AND room = ?1 AND client_id = ?2 ORDER BY client_seq DESC LIMIT 1`) +
		`SELECT MAX(l.client_seq)` + nearBatches + `l.room = ?1 AND l.client_id = ?2`

	// findBatch looks for an indexed batch with the clientSeq, and else near the client's last indexed batch before it.
	findBatch = fmt.Sprintf(withNear, `SELECT server_seq FROM sync_change_log
		WHERE `+inClientIndex+` AND room = ?2 AND client_id = ?3 AND client_seq < ?4 ORDER BY client_seq DESC LIMIT 1`) +
		`SELECT store_key, client_id, client_seq, server_seq, server_ts, op, path, value, array_index, discarded, user_id
		FROM sync_change_log WHERE op_index >= 0 AND room = ?1 AND server_seq = coalesce(
		(SELECT MIN(server_seq) FROM sync_change_log WHERE ` + inClientIndex + ` AND room = ?2 AND client_id = ?3 AND client_seq = ?4),
		(SELECT MIN(l.server_seq)` + nearBatches + `l.room = ?2 AND l.client_id = ?3 AND l.client_seq = ?4)) ORDER BY op_index`

	// indexBetween puts the client's batches near the last indexed one that is not higher than a clientSeq into the index.
	indexBetween = fmt.Sprintf(withNear, `SELECT server_seq FROM sync_change_log
		WHERE `+inClientIndex+` AND room = ?1 AND client_id = ?2 AND client_seq <= ?3 ORDER BY client_seq DESC LIMIT 1`) +
		`UPDATE sync_change_log SET unindexed = NULL WHERE id IN (SELECT l.id` + nearBatches +
		`l.room = ?1 AND l.client_id = ?2 AND l.unindexed = 1)`

	// indexAfter puts the batches of a room near and after a serverSeq into the index.
	indexAfter = fmt.Sprintf(withNear, `SELECT ?2 AS server_seq`) +
		`UPDATE sync_change_log SET unindexed = NULL WHERE id IN (SELECT l.id` + nearBatches +
		`l.server_seq > ?2 AND l.room = ?1 AND l.unindexed = 1)`
)

// sender is a client in a room.
type sender struct{ room, clientID string }

// sent is what is known of a sender's batches in the log.
type sent struct {
	last    int64 // highest clientSeq; core.NoClientSeq: none
	indexed int64 // serverSeq of the indexed batch that the next one may be found by; 0: none
}

// maxSenders limits the number of cached senders.
const maxSenders = 10_000

// senders decides which batches of a transaction are in the index of clients. known is what the committed transactions have
// sent; changed is added to it after the commit.
type senders struct{ known, changed map[sender]sent }

// unindexed returns the value of the column of that name for the first row of a batch.
func (s senders) unindexed(ctx context.Context, d *Dialect, tx *sql.Tx, b *core.Batch) (any, error) {
	if b.ClientSeq == core.NoClientSeq {
		return nil, nil
	}
	key := sender{b.Room, b.ClientID}
	was, ok := s.changed[key]
	if !ok {
		was, ok = s.known[key]
	}
	if !ok {
		query := tx.StmtContext(ctx, d.lastClientSeq)
		defer query.Close()
		var last sql.NullInt64
		if err := query.QueryRowContext(ctx, b.Room, b.ClientID).Scan(&last); err != nil {
			return nil, err
		}
		was.last = dialect.ValueOr(last, core.NoClientSeq)
	}
	switch {
	case b.ClientSeq <= was.last:
		s.changed[key] = sent{last: was.last}
		return nil, execute(ctx, tx, d.indexBetween, b.Room, b.ClientID, b.ClientSeq)
	case was.indexed > 0 && b.ServerSeq < was.indexed+indexDistance:
		s.changed[key] = sent{last: b.ClientSeq, indexed: was.indexed}
		return int64(1), nil
	}
	s.changed[key] = sent{last: b.ClientSeq, indexed: b.ServerSeq}
	return nil, nil
}

// addTo adds the changes of a committed transaction to what is known.
func (s senders) addTo(known map[sender]sent) {
	if len(known)+len(s.changed) > maxSenders {
		clear(known)
	}
	maps.Copy(known, s.changed)
}

func execute(ctx context.Context, tx *sql.Tx, stmt *sql.Stmt, args ...any) error {
	stmt = tx.StmtContext(ctx, stmt)
	defer stmt.Close()
	_, err := stmt.ExecContext(ctx, args...)
	return err
}

// Prune implements dialect.Dialect.
func (d *Dialect) Prune(ctx context.Context, epoch, room string, through int64, prune *sql.Stmt, args ...any) error {
	return d.inWrite(ctx, epoch, func(ctx context.Context, tx *sql.Tx) (changes, error) {
		if err := execute(ctx, tx, d.indexAfter, room, through); err != nil {
			return changes{}, err
		}
		maps.DeleteFunc(d.cache.senders, func(s sender, _ sent) bool { return s.room == room })
		return changes{}, execute(ctx, tx, prune, args...)
	})
}

package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// Append implements core.Store.
func (s *Store) Append(ctx context.Context, batches []*core.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	return s.call("appending to the log", func() error {
		for _, b := range batches {
			if len(b.Ops) == 0 { // it would have no row, and leave a hole in the room's count
				return fmt.Errorf("%w: a batch without operations", core.ErrRejected)
			}
		}
		return inTransaction(ctx, s.dialect.writer(), func(tx *sql.Tx) error {
			return s.dialect.insertLog(ctx, tx, batches)
		})
	})
}

// Log implements core.Store.
func (s *Store) Log(ctx context.Context, room string, after int64, page core.Page) (batches []*core.Batch, err error) {
	err = s.call("reading the log", func() (err error) {
		batches, err = readBatches(ctx, s.query.log, page, room, after)
		return err
	})
	return named(room, batches), err
}

// FindBatch implements core.Store.
func (s *Store) FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*core.Batch, error) {
	var batches []*core.Batch
	err := s.call("looking for a batch in the log", func() (err error) {
		batches, err = readBatches(ctx, s.query.findBatch, core.Page{Batches: 1}, room, room, clientID, clientSeq)
		return err
	})
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	return named(room, batches)[0], nil
}

// LastClientSeq implements core.Store.
func (s *Store) LastClientSeq(ctx context.Context, room, clientID string) (int64, error) {
	var last sql.NullInt64
	err := s.call("looking for a client's last batch in the log", func() error {
		return s.query.lastClientSeq.QueryRowContext(ctx, room, clientID).Scan(&last)
	})
	return orElse(last, core.NoClientSeq), err
}

// readBatches gathers rows, which come in order, into the batches of one page, and stops reading where it is full.
func readBatches(ctx context.Context, query *sql.Stmt, page core.Page, args ...any) ([]*core.Batch, error) {
	rows, err := query.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var batches []*core.Batch
	bytes := 0
	for rows.Next() {
		b, op, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		if n := len(batches); n == 0 || batches[n-1].ServerSeq != b.ServerSeq {
			if n > 0 && (n >= page.Batches || bytes >= page.Bytes) {
				return batches, nil
			}
			batches = append(batches, &b)
		}
		last := batches[len(batches)-1]
		last.Ops = append(last.Ops, op)
		bytes += len(op.Path) + len(op.Value)
	}
	return batches, rows.Err()
}

// scanRow reads one operation, and what its row says of the batch that it belongs to.
func scanRow(rows *sql.Rows) (core.Batch, core.LoggedOp, error) {
	var (
		b                     core.Batch
		op                    core.LoggedOp
		clientSeq, arrayIndex sql.NullInt64
		value, discarded      sql.NullString
	)
	err := rows.Scan(&b.Key, &b.ClientID, &clientSeq, &b.ServerSeq, &b.ServerTs,
		&op.Kind, &op.Path, &value, &arrayIndex, &discarded)
	b.ClientSeq = orElse(clientSeq, core.NoClientSeq)
	op.Value = value.String
	op.Index = int(orElse(arrayIndex, tree.NoIndex))
	op.Discarded = tree.Reason(discarded.String)
	return b, op, err
}

// named gives batches the room that they were looked up by. It is copied, because the caller may use its own again.
func named(room string, batches []*core.Batch) []*core.Batch {
	room = strings.Clone(room)
	for _, b := range batches {
		b.Room = room
	}
	return batches
}

func orElse(n sql.NullInt64, absent int64) int64 {
	if n.Valid {
		return n.Int64
	}
	return absent
}

// unless is a parameter: NULL if the value is the one that stands for its absence.
func unless[T comparable](absent, value T) any {
	if value == absent {
		return nil
	}
	return value
}

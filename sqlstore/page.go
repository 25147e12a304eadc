package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// page gathers rows of a room's log, which come in order, into batches, until it has as much as was asked for.
type page struct {
	room  string
	limit core.Page

	batches []*core.Batch
	rows    int  // read so far
	bytes   int  // of the paths and values read so far
	full    bool // the next batch is beyond the limit
}

// read adds the rows of a query, and stops reading it where the page is full.
func (p *page) read(ctx context.Context, query *sql.Stmt, args ...any) error {
	rows, err := query.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		b, op, err := scanRow(rows)
		if err != nil {
			return err
		}
		core.Progress(ctx)
		if p.add(b, op); p.full {
			return nil
		}
	}
	return rows.Err()
}

// add takes a row, unless it is the first of a batch that is beyond the limit.
func (p *page) add(b core.Batch, op core.LoggedOp) {
	n := len(p.batches)
	if n == 0 || p.batches[n-1].ServerSeq != b.ServerSeq {
		if n > 0 && (n >= p.limit.Batches || p.bytes >= p.limit.Bytes) {
			p.full = true
			return
		}
		b.Room = p.room
		p.batches = append(p.batches, &b)
	}
	last := p.batches[len(p.batches)-1]
	last.Ops = append(last.Ops, op)
	p.rows++
	p.bytes += len(op.Path) + len(op.Value)
}

// scanRow reads one operation, and what its row says of the batch that it belongs to.
func scanRow(rows *sql.Rows) (core.Batch, core.LoggedOp, error) {
	var (
		b                     core.Batch
		op                    core.LoggedOp
		clientSeq, arrayIndex sql.NullInt64
		value, discarded      sql.NullString
		userID                sql.NullString
	)
	err := rows.Scan(&b.Key, &b.ClientID, &clientSeq, &b.ServerSeq, (*moment)(&b.ServerTs),
		&op.Kind, &op.Path, &value, &arrayIndex, &discarded, &userID)
	b.ClientSeq = orElse(clientSeq, core.NoClientSeq)
	b.UserID = userID.String
	op.Value = value.String
	op.Index = int(orElse(arrayIndex, tree.NoIndex))
	op.Discarded = tree.Reason(discarded.String)
	return b, op, err
}

// moment is milliseconds since the Unix epoch, read from a column of that or of the database's own kind of time.
type moment int64

// Scan implements sql.Scanner.
func (m *moment) Scan(column any) error {
	switch v := column.(type) {
	case int64:
		*m = moment(v)
	case time.Time:
		*m = moment(v.UnixMilli())
	default:
		return fmt.Errorf("a time is read as %T", column)
	}
	return nil
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

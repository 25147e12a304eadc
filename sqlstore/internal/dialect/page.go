package dialect

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// Page collects rows of a room's log, which arrive in order, into batches until a limit is reached.
type Page struct {
	Room  string
	Limit core.Page

	Batches []*core.Batch
	Rows    int  // read so far
	Bytes   int  // of the paths and values read so far
	Full    bool // the next batch is beyond the limit
}

// Read adds the rows of a query. It stops reading when the page is full.
func (p *Page) Read(ctx context.Context, query *sql.Stmt, args ...any) error {
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
		if p.add(b, op); p.Full {
			return nil
		}
	}
	return rows.Err()
}

// add adds a row, unless it is the first of a batch beyond the limit.
func (p *Page) add(b core.Batch, op core.LoggedOp) {
	n := len(p.Batches)
	if n == 0 || p.Batches[n-1].ServerSeq != b.ServerSeq {
		if n > 0 && (n >= p.Limit.Batches || p.Bytes >= p.Limit.Bytes) {
			p.Full = true
			return
		}
		b.Room = p.Room
		p.Batches = append(p.Batches, &b)
	}
	last := p.Batches[len(p.Batches)-1]
	last.Ops = append(last.Ops, op)
	p.Rows++
	p.Bytes += len(op.Path) + len(op.Value)
}

// scanRow reads one operation, and the columns of its batch.
func scanRow(rows *sql.Rows) (core.Batch, core.LoggedOp, error) {
	var (
		b                     core.Batch
		op                    core.LoggedOp
		clientSeq, arrayIndex sql.NullInt64
		value, discarded      sql.NullString
		userID                sql.NullString
	)
	err := rows.Scan(&b.Key, &b.ClientID, &clientSeq, &b.ServerSeq, (*Milliseconds)(&b.ServerTs),
		&op.Kind, &op.Path, &value, &arrayIndex, &discarded, &userID)
	b.ClientSeq = ValueOr(clientSeq, core.NoClientSeq)
	b.UserID = userID.String
	op.Value = value.String
	op.Index = int(ValueOr(arrayIndex, tree.NoIndex))
	op.Discarded = tree.Reason(discarded.String)
	return b, op, err
}

// Milliseconds since the Unix epoch, scanned from an integer column or from the database's own type for times.
type Milliseconds int64

// Duration returns a difference of two times.
func (m Milliseconds) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Scan implements sql.Scanner.
func (m *Milliseconds) Scan(column any) error {
	switch v := column.(type) {
	case int64:
		*m = Milliseconds(v)
	case time.Time:
		*m = Milliseconds(v.UnixMilli())
	default:
		return fmt.Errorf("a time column has the type %T", column)
	}
	return nil
}

// ValueOr returns the value of n, and absent for NULL.
func ValueOr(n sql.NullInt64, absent int64) int64 {
	if n.Valid {
		return n.Int64
	}
	return absent
}

// NullIf returns a statement's argument: NULL for the value that represents absence.
func NullIf[T comparable](absent, value T) any {
	if value == absent {
		return nil
	}
	return value
}

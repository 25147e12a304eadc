package dialect

import (
	"context"
	"database/sql"

	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// ReadTail reads the result of a query of the log tail into a page: the epoch, Kept as a number, Started, Finished, and the
// columns of a logtail.Row. Without a row of the log, the result has one row with an id of NULL.
func ReadTail(ctx context.Context, query *sql.Stmt, limit int, p *logtail.Page, args ...any) error {
	rows, err := query.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var epoch sql.NullString
	var kept int
	for rows.Next() {
		var id, serverSeq sql.NullInt64
		var room sql.NullString
		if err := rows.Scan(&epoch, &kept, &p.Started, &p.Finished, &id, &room, &serverSeq); err != nil {
			return err
		}
		if id.Valid {
			p.Rows = append(p.Rows, logtail.Row{ID: id.Int64, Room: room.String, ServerSeq: serverSeq.Int64})
		}
	}
	p.Epoch, p.Kept, p.Full = epoch.String, kept != 0, len(p.Rows) >= limit
	return rows.Err()
}

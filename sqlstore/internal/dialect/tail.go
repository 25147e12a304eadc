package dialect

import (
	"database/sql"

	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// ScanTail reads the rows of a query of the log tail into a page: the epoch, Kept as a number, Started, Finished, and the
// columns of a logtail.Row. Without a row of the log, the result has one row with an id of NULL.
func ScanTail(rows *sql.Rows, limit int, p *logtail.Page) error {
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

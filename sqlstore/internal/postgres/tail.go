package postgres

import (
	"context"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

const (
	selectLastID = `SELECT coalesce(max(id), 0) FROM sync_change_log`

	// Everything is as of one snapshot, including its xmin: all transactions with lower numbers have ended. A transaction with
	// an id below a visible one has got its number before the snapshot (see insertOps), so its number is below the next one
	// that will be given. The snapshot's xmax may be lower than that: it follows the last transaction that has ended. age
	// returns the distance to the next number and, unlike txid_current, takes none. Numbers of the type xid have 32 bits.
	//
	// The parameters are Cursor.Last, Next and Gaps, and the maximum number of rows. Subqueries with LIMIT are index searches
	// whatever statistics the planner has.
	selectTail = `SELECT (SELECT value FROM sync_meta WHERE name = 'epoch'), kept,
		txid_snapshot_xmax(snapshot) + age((txid_snapshot_xmax(snapshot) & 4294967295)::text::xid), txid_snapshot_xmin(snapshot), id, room, server_seq
		FROM txid_current_snapshot() AS snapshot
		CROSS JOIN (SELECT CASE WHEN $1::bigint = 0 OR (SELECT id FROM sync_change_log AS log
			WHERE log.room = $2 AND log.server_seq >= $3 AND log.op_index >= 0 AND log.id >= $1
			ORDER BY server_seq LIMIT 1) IS NOT NULL THEN 1 ELSE 0 END AS kept) AS witness
		LEFT JOIN (
			SELECT id, CASE WHEN op_index = 0 THEN room END AS room, server_seq
			FROM (
				(SELECT id, room, server_seq, op_index FROM sync_change_log WHERE id >= $4 ORDER BY id LIMIT $7)
				UNION ALL
				SELECT found.* FROM unnest($5::bigint[], $6::bigint[]) AS gap (first, last)
				CROSS JOIN LATERAL (SELECT id, room, server_seq, op_index FROM sync_change_log AS log
					WHERE log.id >= gap.first AND log.id <= gap.last ORDER BY id LIMIT $7) AS found
			) AS unseen ORDER BY id LIMIT $7
		) AS unseen ON true ORDER BY id`
)

// LastID implements dialect.Dialect.
func (d *Dialect) LastID(ctx context.Context) (id int64, err error) {
	err = d.read.QueryRowContext(ctx, selectLastID).Scan(&id)
	return id, err
}

// ReadTail implements dialect.Dialect.
func (d *Dialect) ReadTail(ctx context.Context, c *logtail.Cursor, limit int, page *logtail.Page) error {
	return dialect.ReadTail(ctx, d.tail, limit, page, c.Last.ID, c.Last.Room, c.Last.ServerSeq, c.Next,
		bigintArray(c.Gaps, func(g logtail.Gap) int64 { return g.First }),
		bigintArray(c.Gaps, func(g logtail.Gap) int64 { return g.Last }), limit)
}

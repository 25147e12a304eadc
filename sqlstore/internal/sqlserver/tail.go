package sqlserver

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// settleAfter is the age at which a gap is settled if it has no uncommitted rows. No view that every login may read tells when
// the transactions that were running have ended. Uncommitted rows are visible with NOLOCK, so a long transaction is not
// missed. The age is for servers that implement the protocol and ignore NOLOCK.
const settleAfter = 5 * time.Minute

// The reads skip uncommitted rows, so their ids are gaps. Without READ_COMMITTED_SNAPSHOT, they would wait for them otherwise, and
// serializable ones would block insertions. READPAST is allowed in no serializable transaction, which another statement may have
// left to the connection, and with READ_COMMITTED_SNAPSHOT only together with READCOMMITTEDLOCK.
//
// So a read has no snapshot: it may return a batch and miss the one before it that was committed meanwhile.
const (
	committed = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
	skipping  = "WITH (READCOMMITTEDLOCK, READPAST)"

	lastID = committed + `SELECT COALESCE((SELECT TOP (1) id FROM [$(schema)].sync_change_log ` + skipping + ` ORDER BY id DESC), 0)`

	// Subqueries with TOP are index searches. With a join, a server may read the whole log instead.
	//
	// The parameters are the gaps, of which those of (0, -1) are padding, Cursor.Last and Next, the maximum number of rows,
	// and the marks of the read.
	tailRows = committed + `SELECT (SELECT value FROM [$(schema)].sync_meta WHERE name = N'epoch'), kept, @started, @finished, id, room, server_seq
FROM (
	SELECT CASE WHEN @last = 0 OR (SELECT TOP (1) log.id FROM [$(schema)].sync_change_log AS log ` + skipping + `
		WHERE log.room = CAST(@room AS NVARCHAR(4000)) AND log.server_seq >= @seq AND log.op_index >= 0 AND log.id >= @last
		ORDER BY log.server_seq) IS NOT NULL THEN 1 ELSE 0 END AS kept
) AS witness
LEFT JOIN (
	SELECT TOP (@limit) id, CASE WHEN op_index = 0 THEN room END AS room, server_seq
	FROM (
		SELECT * FROM (
			SELECT TOP (@limit) id, room, server_seq, op_index FROM [$(schema)].sync_change_log ` + skipping + ` WHERE id >= @next ORDER BY id
		) AS later
		UNION ALL
		SELECT found.* FROM (VALUES $(rows)) AS gap (first, last)
		CROSS APPLY (
			SELECT TOP (@limit) log.id, log.room, log.server_seq, log.op_index FROM [$(schema)].sync_change_log AS log ` + skipping + `
			WHERE log.id >= gap.first AND log.id <= gap.last ORDER BY log.id
		) AS found
	) AS unseen
	ORDER BY id
) AS unseen ON 1 = 1
ORDER BY id`

	// The gaps with rows, including uncommitted ones.
	activeGaps = `SELECT gap.first FROM (VALUES $(rows)) AS gap (first, last)
WHERE (SELECT TOP (1) log.id FROM [$(schema)].sync_change_log AS log WITH (NOLOCK)
	WHERE log.id >= gap.first AND log.id <= gap.last ORDER BY log.id) IS NOT NULL`
)

// LastID implements dialect.Dialect.
func (d *Dialect) LastID(ctx context.Context) (id int64, err error) {
	err = d.read.QueryRowContext(ctx, inSchema(lastID, d.schemaName)).Scan(&id)
	return id, err
}

// ReadTail implements dialect.Dialect. Page.Started and Page.Finished are milliseconds since the dialect was made.
func (d *Dialect) ReadTail(ctx context.Context, c *logtail.Cursor, limit int, page *logtail.Page) (err error) {
	started, finished := marks(time.Since(d.made))
	if page.Active, err = d.activeGaps(ctx, c.Gaps, finished); err != nil {
		return err
	}
	statement := sized(d.tail, len(c.Gaps))
	return dialect.ReadTail(ctx, statement.stmt, limit, page, append(gapArguments(c.Gaps, statement.rows),
		sql.Named("last", c.Last.ID), sql.Named("room", searchName(c.Last.Room)), sql.Named("seq", c.Last.ServerSeq),
		sql.Named("next", c.Next), sql.Named("limit", limit), sql.Named("started", started), sql.Named("finished", finished))...)
}

// marks returns Page.Started and Page.Finished of a read.
func marks(now time.Duration) (started, finished int64) {
	return now.Milliseconds(), (now - settleAfter).Milliseconds()
}

// activeGaps returns the First of those gaps that are old enough to be settled and have rows.
func (d *Dialect) activeGaps(ctx context.Context, gaps []logtail.Gap, finished int64) (map[int64]bool, error) {
	old := slices.DeleteFunc(slices.Clone(gaps), func(g logtail.Gap) bool { return g.Started > finished })
	if len(old) == 0 {
		return nil, nil
	}
	statement := sized(d.active, len(old))
	rows, err := statement.stmt.QueryContext(ctx, gapArguments(old, statement.rows)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	active := map[int64]bool{}
	for rows.Next() {
		var first int64
		if err := rows.Scan(&first); err != nil {
			return nil, err
		}
		active[first] = true
	}
	return active, rows.Err()
}

// gapArguments returns the arguments of a statement for size gaps.
func gapArguments(gaps []logtail.Gap, size int) []any {
	arguments := make([]any, 0, size*gapColumns)
	for _, g := range gaps {
		arguments = append(arguments, g.First, g.Last)
	}
	for range size - len(gaps) {
		arguments = append(arguments, int64(0), int64(-1))
	}
	return arguments
}

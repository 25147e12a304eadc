package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// PostgreSQL's own statements. Rows are passed as one array per column, so that any number of rows takes one round trip and
// one plan. Absent values are NULL elements.
const (
	// The condition gives the transaction its number before its rows take ids: the planner evaluates it once, before it reads
	// the first row. The log tail depends on this; see selectTail.
	insertOps = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts,
		op_index, client_seq, array_index, discarded, user_id)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
			$8::timestamptz[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[])
		WHERE txid_current() > 0`

	upsertDocuments = `INSERT INTO sync_documents AS old (room, store_key, state, server_seq, updated_at)
		SELECT room, store_key, state, server_seq, now()
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS document (room, store_key, state, server_seq)
		ON CONFLICT (room, store_key) DO UPDATE
		SET state = excluded.state, server_seq = excluded.server_seq, updated_at = excluded.updated_at
		WHERE excluded.server_seq > old.server_seq`

	upsertCheckpoints = `INSERT INTO sync_checkpoints AS old (room, server_seq, documents)
		SELECT room, server_seq, documents
		FROM unnest($1::text[], $2::bigint[], $3::integer[]) AS checkpoint (room, server_seq, documents)
		ON CONFLICT (room) DO UPDATE SET server_seq = excluded.server_seq, documents = excluded.documents
		WHERE excluded.server_seq > old.server_seq`

	// The check after an append, with the spans of its rooms. It sees everything that was committed before it. A failed
	// check raises an error, which rolls the append back: the cast of the verdict's text to a number. One index search per
	// room finds the log's newest batch from the preceding one on, without the inserted ones: the preceding batch, unless
	// the check fails. A subquery with LIMIT is an index search whatever statistics the planner has; OFFSET 0 prevents the
	// planner from repeating the search for each use of its result.
	checkAppend = `SELECT CAST(min(verdict) AS integer) FROM (
		SELECT CASE
			WHEN (SELECT value FROM sync_meta WHERE name = 'epoch') IS DISTINCT FROM $1 THEN 'pathsync: epoch'
			WHEN newest = first - 1 THEN NULL
			WHEN newest > first THEN 'pathsync: conflict'
			WHEN first > 1
				AND (SELECT server_seq FROM sync_documents AS document
					WHERE document.room = span.room AND document.server_seq >= span.first - 1 LIMIT 1) IS NULL
				THEN 'pathsync: gap'
		END AS verdict
		FROM (
			SELECT room, first, (SELECT server_seq FROM sync_change_log AS log
				WHERE log.room = span.room AND log.server_seq >= span.first - 1 AND log.op_index >= 0
					AND (log.server_seq < span.first OR log.server_seq > span.last)
				ORDER BY server_seq DESC LIMIT 1) AS newest
			FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS span (room, first, last) OFFSET 0
		) AS span
	) AS checked`

	// The check after writing document rows or checkpoints. They are never newer than the room's log, unless it is empty.
	checkSaved = `SELECT CAST(min(verdict) AS integer) FROM (
		SELECT CASE
			WHEN (SELECT value FROM sync_meta WHERE name = 'epoch') IS DISTINCT FROM $1 THEN 'pathsync: epoch'
			WHEN (SELECT server_seq FROM sync_change_log AS log WHERE log.room = saved.room AND log.op_index >= 0
				ORDER BY server_seq DESC LIMIT 1) < saved.server_seq
				THEN 'pathsync: gap'
		END AS verdict
		FROM unnest($2::text[], $3::bigint[]) AS saved (room, server_seq)
	) AS checked`

	// The driver receives a result to its end even if the reader stops early. So a chunk has a maximum number of rows ($4),
	// and ends with the row at which paths and values reach a number of bytes ($5). Lengths are computed without reading
	// the values.
	selectLogChunk = `SELECT store_key, client_id, client_seq, server_seq, server_ts, op, path, value, array_index, discarded, user_id
		FROM (
			SELECT op.*, SUM(octet_length(path) + COALESCE(octet_length(value), 0)) OVER (
				ORDER BY server_seq, op_index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
			FROM (
				SELECT * FROM sync_change_log WHERE room = $1 AND (server_seq, op_index) > ($2, $3)
				ORDER BY server_seq, op_index LIMIT $4
			) AS op
		) AS op
		WHERE bytes_before IS NULL OR bytes_before < $5
		ORDER BY server_seq, op_index`
)

// MaxRows is the largest number of rows in a chunk.
const MaxRows = 2000

// The size of a chunk is what remains of the page, within these limits.
const (
	minRows            = 250
	minBytes, maxBytes = 64 << 10, 4 << 20
)

// InsertLog implements dialect.Dialect.
func (d *Dialect) InsertLog(ctx context.Context, epoch string, batches []*core.Batch) error {
	// In the order of rooms, so that two servers that append to the same rooms do not deadlock.
	batches = slices.Clone(batches)
	slices.SortStableFunc(batches, func(a, b *core.Batch) int { return cmp.Compare(a.Room, b.Room) })
	rooms := dialect.Spans(batches)
	var both pgx.Batch
	both.Queue(insertOps, opArguments(batches)...)
	both.Queue(checkAppend, epoch,
		textArray(rooms, func(s dialect.Span) string { return s.Room }),
		bigintArray(rooms, func(s dialect.Span) int64 { return s.First }),
		bigintArray(rooms, func(s dialect.Span) int64 { return s.Last }))
	return d.send(ctx, &both)
}

// send sends statements together, which makes them one transaction.
func (d *Dialect) send(ctx context.Context, statements *pgx.Batch) error {
	err := d.sendOnce(ctx, statements)
	if pgconn.SafeToRetry(err) { // the connection failed before anything was sent
		err = d.sendOnce(ctx, statements)
	}
	return err
}

func (d *Dialect) sendOnce(ctx context.Context, statements *pgx.Batch) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		return driver.(*stdlib.Conn).Conn().SendBatch(ctx, statements).Close()
	})
}

// logRow is one operation of a batch.
type logRow struct {
	*core.Batch
	index int
}

func (r logRow) op() *core.LoggedOp { return &r.Ops[r.index] }

func logRows(batches []*core.Batch) []logRow {
	n := 0
	for _, b := range batches {
		n += len(b.Ops)
	}
	rows := make([]logRow, 0, n)
	for _, b := range batches {
		for i := range b.Ops {
			rows = append(rows, logRow{b, i})
		}
	}
	return rows
}

// opArguments returns the arguments of insertOps.
func opArguments(batches []*core.Batch) []any {
	rows := logRows(batches)
	return []any{
		textArray(rows, func(r logRow) string { return r.Room }),
		textArray(rows, func(r logRow) string { return r.Key }),
		textArray(rows, func(r logRow) string { return r.op().Path }),
		textArray(rows, func(r logRow) string { return string(r.op().Kind) }),
		textOrNullArray(rows, func(r logRow) string { return r.op().Value }),
		textArray(rows, func(r logRow) string { return r.ClientID }),
		bigintArray(rows, func(r logRow) int64 { return r.ServerSeq }),
		timeArray(rows, func(r logRow) int64 { return r.ServerTs }),
		bigintArray(rows, func(r logRow) int64 { return int64(r.index) }),
		bigintOrNullArray(rows, core.NoClientSeq, func(r logRow) int64 { return r.ClientSeq }),
		bigintOrNullArray(rows, tree.NoIndex, func(r logRow) int64 { return int64(r.op().Index) }),
		textOrNullArray(rows, func(r logRow) string { return string(r.op().Discarded) }),
		textOrNullArray(rows, func(r logRow) string { return r.UserID }),
	}
}

// ReadLog reads the log in chunks. A batch may be split between two chunks, because it was committed as a whole and never
// changes.
func (d *Dialect) ReadLog(ctx context.Context, room string, after int64, page *dialect.Page) error {
	afterIndex := int32(math.MaxInt32) // after the last row of the batch
	for {
		rows, bytes := page.Rows, page.Bytes
		// A batch has at least one row. One more row, of the next batch, shows that the page is full.
		mostRows := min(max(page.Limit.Batches-len(page.Batches)+1, minRows), MaxRows)
		mostBytes := min(max(page.Limit.Bytes-bytes, minBytes), maxBytes)
		if err := page.Read(ctx, d.logChunk, room, after, afterIndex, mostRows, mostBytes); err != nil {
			return err
		}
		if page.Full || page.Rows-rows < mostRows && page.Bytes-bytes < mostBytes {
			return nil
		}
		last := page.Batches[len(page.Batches)-1]
		after, afterIndex = last.ServerSeq, int32(len(last.Ops)-1)
	}
}

// UpsertDocuments implements dialect.Dialect.
func (d *Dialect) UpsertDocuments(ctx context.Context, epoch string, docs []core.Document) error {
	// In the order of keys, to avoid deadlocks. Only the newest of each, because a statement can update a row only once.
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b core.Document) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Key, b.Key), cmp.Compare(b.ServerSeq, a.ServerSeq))
	})
	docs = slices.CompactFunc(docs, func(a, b core.Document) bool { return a.Room == b.Room && a.Key == b.Key })

	rooms, keys, states := make([]string, len(docs)), make([]string, len(docs)), make([]string, len(docs))
	serverSeqs := make([]int64, len(docs))
	for i, doc := range docs {
		rooms[i], keys[i], states[i], serverSeqs[i] = doc.Room, doc.Key, doc.State, doc.ServerSeq
	}
	var both pgx.Batch
	both.Queue(upsertDocuments, rooms, keys, states, serverSeqs)
	both.Queue(checkSaved, epoch, rooms, serverSeqs)
	return d.send(ctx, &both)
}

// UpsertCheckpoints implements dialect.Dialect.
func (d *Dialect) UpsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error {
	rooms, serverSeqs, documents := make([]string, len(checkpoints)), make([]int64, len(checkpoints)), make([]int32, len(checkpoints))
	for i, c := range checkpoints {
		rooms[i], serverSeqs[i], documents[i] = c.Room, c.ServerSeq, int32(c.Documents)
	}
	var both pgx.Batch
	both.Queue(upsertCheckpoints, rooms, serverSeqs, documents)
	both.Queue(checkSaved, epoch, rooms, serverSeqs)
	return d.send(ctx, &both)
}

// Prune implements dialect.Dialect.
func (d *Dialect) Prune(ctx context.Context, _, _ string, _ int64, statement *sql.Stmt, args ...any) error {
	_, err := statement.ExecContext(ctx, args...)
	return err
}

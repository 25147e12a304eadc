package sqlstore

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// The statements that are PostgreSQL's own. Rows are handed over as one array a column, so that any number of them takes
// one round trip and one plan. What stands for the absence of a value in the core is NULL in its array.
const (
	postgresInsertOps = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts,
		op_index, client_seq, array_index, discarded, user_id)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
			$8::timestamptz[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[])`

	postgresUpsertDocuments = `INSERT INTO sync_documents AS old (room, store_key, state, server_seq, updated_at)
		SELECT room, store_key, state, server_seq, now()
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS document (room, store_key, state, server_seq)
		ON CONFLICT (room, store_key) DO UPDATE
		SET state = excluded.state, server_seq = excluded.server_seq, updated_at = excluded.updated_at
		WHERE excluded.server_seq > old.server_seq`

	postgresUpsertCheckpoints = `INSERT INTO sync_checkpoints AS old (room, server_seq, documents)
		SELECT room, server_seq, documents
		FROM unnest($1::text[], $2::bigint[], $3::integer[]) AS checkpoint (room, server_seq, documents)
		ON CONFLICT (room) DO UPDATE SET server_seq = excluded.server_seq, documents = excluded.documents
		WHERE excluded.server_seq > old.server_seq`

	// The check after an append, with the spans of its rooms. It sees all that was committed before it. An error undoes
	// what was written: a text that is no number, with the verdict in it. One search of the index for each room finds what
	// the log has from the predecessor on, besides what was inserted: the predecessor alone, unless something is wrong.
	// Subqueries with LIMIT are searches of an index, whatever the planner knows of the tables; OFFSET 0 keeps it from
	// repeating the search for each use of its result.
	postgresCheck = `SELECT CAST(min(verdict) AS integer) FROM (
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

	// The check after document rows or checkpoints were written. They are never newer than the room's log, if it has one.
	postgresCheckSaved = `SELECT CAST(min(verdict) AS integer) FROM (
		SELECT CASE
			WHEN (SELECT value FROM sync_meta WHERE name = 'epoch') IS DISTINCT FROM $1 THEN 'pathsync: epoch'
			WHEN (SELECT server_seq FROM sync_change_log AS log WHERE log.room = saved.room AND log.op_index >= 0
				ORDER BY server_seq DESC LIMIT 1) < saved.server_seq
				THEN 'pathsync: gap'
		END AS verdict
		FROM unnest($2::text[], $3::bigint[]) AS saved (room, server_seq)
	) AS checked`

	// The driver receives a result to its end, however early its reader stops. So the rows of a chunk are limited in
	// number ($4), and end with the one that brings their paths and values to so many bytes ($5). The lengths of values
	// are known without reading them.
	postgresLogChunk = `SELECT store_key, client_id, client_seq, server_seq, server_ts, op, path, value, array_index, discarded, user_id
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

// A chunk of a log is as much as the page still takes, within these bounds.
const (
	postgresLeastRows, postgresMostRows   = 250, 2000
	postgresLeastBytes, postgresMostBytes = 64 << 10, 4 << 20
)

func (d *postgres) insertLog(ctx context.Context, epoch string, batches []*core.Batch) error {
	// Two servers that take the same numbers in several rooms meet in the same order, and never in a deadlock.
	batches = slices.Clone(batches)
	slices.SortStableFunc(batches, func(a, b *core.Batch) int { return cmp.Compare(a.Room, b.Room) })
	rooms := spans(batches)
	var both pgx.Batch
	both.Queue(postgresInsertOps, postgresOps(batches)...)
	both.Queue(postgresCheck, epoch,
		textArray(rooms, func(s span) string { return s.room }),
		bigintArray(rooms, func(s span) int64 { return s.first }),
		bigintArray(rooms, func(s span) int64 { return s.last }))
	return d.send(ctx, &both)
}

// send sends statements together, which makes them one transaction.
func (d *postgres) send(ctx context.Context, statements *pgx.Batch) error {
	err := d.sendOnce(ctx, statements)
	if pgconn.SafeToRetry(err) { // the connection broke while it was idle, and nothing was sent
		err = d.sendOnce(ctx, statements)
	}
	return err
}

func (d *postgres) sendOnce(ctx context.Context, statements *pgx.Batch) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		return driver.(*stdlib.Conn).Conn().SendBatch(ctx, statements).Close()
	})
}

// logRow is an operation of a batch.
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

// postgresOps are the parameters of postgresInsertOps.
func postgresOps(batches []*core.Batch) []any {
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

// readLog reads chunk after chunk. What is read of a batch in one and the rest of it in the next fit together, because a
// batch is committed as a whole and never changes.
func (d *postgres) readLog(ctx context.Context, room string, after int64, page *page) error {
	afterIndex := int32(math.MaxInt32) // beyond the last row of the batch
	for {
		rows, bytes := page.rows, page.bytes
		// A batch has a row at least; one more row, of the next batch, shows that the page is full.
		mostRows := min(max(page.limit.Batches-len(page.batches)+1, postgresLeastRows), postgresMostRows)
		mostBytes := min(max(page.limit.Bytes-bytes, postgresLeastBytes), postgresMostBytes)
		if err := page.read(ctx, d.logChunk, room, after, afterIndex, mostRows, mostBytes); err != nil {
			return err
		}
		if page.full || page.rows-rows < mostRows && page.bytes-bytes < mostBytes {
			return nil
		}
		last := page.batches[len(page.batches)-1]
		after, afterIndex = last.ServerSeq, int32(len(last.Ops)-1)
	}
}

func (d *postgres) upsertDocuments(ctx context.Context, epoch string, docs []core.Document) error {
	// In the order of their keys, against deadlocks, and the newest of each, because a statement touches a row but once.
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
	both.Queue(postgresUpsertDocuments, rooms, keys, states, serverSeqs)
	both.Queue(postgresCheckSaved, epoch, rooms, serverSeqs)
	return d.send(ctx, &both)
}

func (d *postgres) upsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error {
	rooms, serverSeqs, documents := make([]string, len(checkpoints)), make([]int64, len(checkpoints)), make([]int32, len(checkpoints))
	for i, c := range checkpoints {
		rooms[i], serverSeqs[i], documents[i] = c.Room, c.ServerSeq, int32(c.Documents)
	}
	var both pgx.Batch
	both.Queue(postgresUpsertCheckpoints, rooms, serverSeqs, documents)
	both.Queue(postgresCheckSaved, epoch, rooms, serverSeqs)
	return d.send(ctx, &both)
}

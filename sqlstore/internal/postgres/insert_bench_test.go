package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/sqlstore"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/postgres"
)

// insertWays are ways to insert the rows of a group in one transaction. The store uses unnest.
var insertWays = []struct {
	name   string
	insert func(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error
}{
	{"unnest", insertByUnnest},
	{"copy", insertByCopy},
	{"json", insertByJSON},
	{"values", insertByValues},
	{"pipeline", insertByPipeline},
	{"rowByRow", insertRowByRow},
}

// BenchmarkPostgresInserts compares the ways. They take turns, so that whatever else the machine does hits them all.
func BenchmarkPostgresInserts(b *testing.B) {
	for _, size := range []int{1, 32, 256, 2000} {
		b.Run(fmt.Sprintf("rows=%d", size), func(b *testing.B) {
			conns := make([]*pgx.Conn, len(insertWays))
			took := make([][]time.Duration, len(insertWays))
			for i := range conns {
				dsn := dbtest.Postgres(b)
				store, err := sqlstore.Open(b.Context(), dsn) // creates the tables
				if err != nil {
					b.Fatal(err)
				}
				defer store.Close()
				if conns[i], err = pgx.Connect(b.Context(), dsn); err != nil {
					b.Fatal(err)
				}
				defer conns[i].Close(context.WithoutCancel(b.Context()))
			}
			var load dbtest.Workload
			for b.Loop() {
				group := load.Group(size)
				for i, way := range insertWays {
					start := time.Now()
					if err := way.insert(b.Context(), conns[i], group); err != nil {
						b.Fatal(err)
					}
					took[i] = append(took[i], time.Since(start))
				}
			}
			for i, way := range insertWays {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds()), way.name+"-µs")
			}
		})
	}
}

func insertByUnnest(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error {
	_, err := conn.Exec(ctx, postgres.InsertOps, postgres.OpArguments(batches)...)
	return err
}

func insertByJSON(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error {
	const statement = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts,
		op_index, client_seq, array_index, discarded)
		SELECT r->>0, r->>1, r->>2, r->>3, r->>4, r->>5, (r->>6)::bigint, (r->>7)::timestamptz, (r->>8)::integer,
			(r->>9)::bigint, (r->>10)::integer, r->>11 FROM json_array_elements($1::json) AS row (r)`
	text, err := json.Marshal(insertedRows(batches))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement, string(text))
	return err
}

func insertByValues(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error {
	statement := squirrel.Insert("sync_change_log").Columns(insertedColumns...).PlaceholderFormat(squirrel.Dollar)
	for _, row := range insertedRows(batches) {
		statement = statement.Values(row...)
	}
	text, args, err := statement.ToSql()
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, text, args...)
	return err
}

func insertByCopy(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error {
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"sync_change_log"}, insertedColumns, pgx.CopyFromRows(insertedRows(batches)))
	return err
}

const insertOneRow = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts,
	op_index, client_seq, array_index, discarded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// insertByPipeline sends one statement a row without waiting for the answers, which makes them one transaction.
func insertByPipeline(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error {
	var pipeline pgx.Batch
	for _, row := range insertedRows(batches) {
		pipeline.Queue(insertOneRow, row...)
	}
	return conn.SendBatch(ctx, &pipeline).Close()
}

func insertRowByRow(ctx context.Context, conn *pgx.Conn, batches []*core.Batch) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, row := range insertedRows(batches) {
			if _, err := tx.Exec(ctx, insertOneRow, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

var insertedColumns = []string{
	"room", "store_key", "path", "op", "value", "client_id", "server_seq", "server_ts",
	"op_index", "client_seq", "array_index", "discarded",
}

func insertedRows(batches []*core.Batch) (rows [][]any) {
	for _, b := range batches {
		for i, op := range b.Ops {
			rows = append(rows, []any{
				b.Room, b.Key, op.Path, string(op.Kind), dialect.NullIf("", op.Value), b.ClientID, b.ServerSeq, time.UnixMilli(b.ServerTs),
				i, dialect.NullIf(core.NoClientSeq, b.ClientSeq), dialect.NullIf(tree.NoIndex, op.Index), dialect.NullIf("", string(op.Discarded)),
			})
		}
	}
	return rows
}

package sqlserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// BenchmarkSQLServerInserts compares the ways to insert the rows of a group in one transaction. The store uses values.
func BenchmarkSQLServerInserts(b *testing.B) {
	for _, way := range []struct {
		name   string
		insert func(ctx context.Context, d *Dialect, rows []opRow) error
	}{
		{"values", insertByPaddedValues},
		{"bulk", insertInBulk},
		{"openjson", insertByOpenJSON},
		{"tvp", insertByTableParameter},
		{"rowByRow", insertEachAlone},
	} {
		for _, size := range []int{1, 4, 16, 32, 256, 2000} {
			b.Run(fmt.Sprintf("%s/rows=%d", way.name, size), func(b *testing.B) {
				d := openTables(b, dbtest.SQLServer(b))
				if _, err := d.write.ExecContext(b.Context(), inSchema(tableType, d.schemaName)); err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() {
					_, _ = d.write.ExecContext(context.Background(), inSchema("DROP TYPE [$(schema)].op_row", d.schemaName))
				})
				var load dbtest.Workload
				var took []time.Duration
				for b.Loop() {
					var rows []opRow
					for _, batch := range load.Group(size) {
						rows = append(rows, opRow{batch, 0})
					}
					start := time.Now()
					if err := way.insert(b.Context(), d, rows); err != nil {
						b.Skipf("not with this server: %v", err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			})
		}
	}
}

// CreateTables is set by the external test package, because package sqlstore imports this one.
var CreateTables func(ctx context.Context, dsn string) (epoch string, err error)

// benchEpoch is the epoch of the database being measured.
var benchEpoch string

func openTables(b *testing.B, dsn string) *Dialect {
	b.Helper()
	var err error
	if benchEpoch, err = CreateTables(b.Context(), dsn); err != nil {
		b.Fatal(err)
	}
	d, err := New(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	if err := d.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	return d
}

func insertByPaddedValues(ctx context.Context, d *Dialect, rows []opRow) error {
	batches := make([]*core.Batch, len(rows))
	for i := range rows {
		batches[i] = rows[i].batch
	}
	return d.InsertLog(ctx, benchEpoch, batches)
}

func insertInBulk(ctx context.Context, d *Dialect, rows []opRow) error {
	return dialect.InTransaction(ctx, d.write, func(tx *sql.Tx) error {
		bulk, err := tx.PrepareContext(ctx, mssql.CopyIn("["+d.schemaName+"].[sync_change_log]",
			mssql.BulkOptions{CheckConstraints: true, FireTriggers: true}, "room", "store_key", "path", "op", "value",
			"client_id", "server_seq", "server_ts", "op_index", "client_seq"))
		if err != nil {
			return err
		}
		defer bulk.Close()
		for _, r := range rows {
			op := &r.batch.Ops[r.index]
			_, err := bulk.ExecContext(ctx, r.batch.Room, r.batch.Key, op.Path, string(op.Kind), op.Value,
				r.batch.ClientID, r.batch.ServerSeq, time.UnixMilli(r.batch.ServerTs).UTC(), r.index, r.batch.ClientSeq)
			if err != nil {
				return err
			}
		}
		_, err = bulk.ExecContext(ctx) // the end of the rows
		return err
	})
}

func insertEachAlone(ctx context.Context, d *Dialect, rows []opRow) error {
	return dialect.InTransaction(ctx, d.write, func(tx *sql.Tx) error {
		insert := tx.StmtContext(ctx, d.insertOps[0].stmt)
		defer insert.Close()
		for i := range rows {
			if _, err := insert.ExecContext(ctx, opArguments(rows[i:i+1], 1)...); err != nil {
				return err
			}
		}
		return nil
	})
}

const insertColumns = `INSERT INTO [$(schema)].sync_change_log (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded)
SELECT room, store_key, path, op, value, client_id, server_seq, server_ts, op_index, client_seq, array_index, discarded FROM `

func insertByOpenJSON(ctx context.Context, d *Dialect, rows []opRow) error {
	cells := make([][]any, len(rows))
	for i, r := range rows {
		op := &r.batch.Ops[r.index]
		cells[i] = []any{
			r.batch.Room, r.batch.Key, op.Path, op.Kind, op.Value, r.batch.ClientID, r.batch.ServerSeq,
			time.UnixMilli(r.batch.ServerTs).UTC().Format("2006-01-02T15:04:05.000"), r.index, r.batch.ClientSeq, nil, nil,
		}
	}
	text, err := json.Marshal(cells)
	if err != nil {
		return err
	}
	const from = `OPENJSON(@p1) WITH (room NVARCHAR(255) '$[0]', store_key NVARCHAR(255) '$[1]', path NVARCHAR(1000) '$[2]',
		op NVARCHAR(10) '$[3]', value NVARCHAR(MAX) '$[4]', client_id NVARCHAR(100) '$[5]', server_seq BIGINT '$[6]',
		server_ts DATETIME2 '$[7]', op_index INT '$[8]', client_seq BIGINT '$[9]', array_index INT '$[10]',
		discarded NVARCHAR(20) '$[11]')`
	_, err = d.write.ExecContext(ctx, inSchema(insertColumns+from, d.schemaName), mssql.NVarCharMax(text))
	return err
}

const tableType = `CREATE TYPE [$(schema)].op_row AS TABLE (room NVARCHAR(255), store_key NVARCHAR(255),
	path NVARCHAR(1000), op NVARCHAR(10), value NVARCHAR(MAX), client_id NVARCHAR(100), server_seq BIGINT,
	server_ts DATETIME2, op_index INT, client_seq BIGINT, array_index INT, discarded NVARCHAR(20))`

func insertByTableParameter(ctx context.Context, d *Dialect, rows []opRow) error {
	type cells struct {
		Room, Key, Path, Op, Value, ClientID string
		ServerSeq                            int64
		ServerTs                             string
		OpIndex                              int32
		ClientSeq                            int64
		ArrayIndex                           *int32
		Discarded                            *string
	}
	table := make([]cells, len(rows))
	for i, r := range rows {
		op := &r.batch.Ops[r.index]
		table[i] = cells{
			r.batch.Room, r.batch.Key, op.Path, string(op.Kind), op.Value, r.batch.ClientID, r.batch.ServerSeq,
			time.UnixMilli(r.batch.ServerTs).UTC().Format("2006-01-02T15:04:05.000"), int32(r.index), r.batch.ClientSeq, nil, nil,
		}
	}
	_, err := d.write.ExecContext(ctx, inSchema(insertColumns+"@p1", d.schemaName),
		mssql.TVP{TypeName: d.schemaName + ".op_row", Value: table})
	return err
}

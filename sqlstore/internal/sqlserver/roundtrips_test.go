package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// tripCounter is a driver that counts what go-mssqldb does in a round trip each: a statement, and the begin and the end of a
// transaction. Preparing takes none.
type tripCounter struct{ trips int }

func (c *tripCounter) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (c *tripCounter) Driver() driver.Driver                        { return nil }
func (c *tripCounter) Prepare(string) (driver.Stmt, error)          { return countedStmt{c}, nil }
func (c *tripCounter) Begin() (driver.Tx, error)                    { c.trips++; return c, nil }
func (c *tripCounter) Commit() error                                { c.trips++; return nil }
func (c *tripCounter) Rollback() error                              { c.trips++; return nil }
func (c *tripCounter) Close() error                                 { return nil }

type countedStmt struct{ c *tripCounter }

func (s countedStmt) Close() error  { return nil }
func (s countedStmt) NumInput() int { return -1 }
func (s countedStmt) Query([]driver.Value) (driver.Rows, error) {
	return nil, errors.New("not expected")
}
func (s countedStmt) Exec([]driver.Value) (driver.Result, error) {
	s.c.trips++
	return driver.RowsAffected(1), nil
}

// sqlstore.TestAppendTakesOneRoundTrip counts the same on the network, with a server.
func TestAppendOfUpTo64OperationsIsOneStatement(t *testing.T) {
	var counter tripCounter
	d, err := New("sqlserver://user:password@localhost?database=d", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d.write = sql.OpenDB(&counter)
	t.Cleanup(func() { d.Close() })
	d.durability.checked = time.Now()
	for _, s := range d.sizedTexts() {
		if *s.statements, err = prepareSizes(t.Context(), d.write, s.text, s.columns, s.sizes); err != nil {
			t.Fatal(err)
		}
	}
	var load dbtest.Workload
	for _, test := range []struct{ batches, trips int }{
		{1, 1}, {32, 1}, {64, 1},
		{2000, 36}, // BEGIN, 32 statements of 64 rows, 2 checks of 64 rooms, and COMMIT
	} {
		counter.trips = 0
		if err := d.InsertLog(t.Context(), "epoch", load.Group(test.batches)); err != nil {
			t.Fatal(err)
		}
		if counter.trips != test.trips {
			t.Errorf("%d batches take %d round trips, want %d", test.batches, counter.trips, test.trips)
		}
	}
}

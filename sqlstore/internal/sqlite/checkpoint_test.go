package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// scripted is a database that answers each checkpoint with a state of the log, and records the other statements.
type scripted struct {
	log        logState
	statements []string
}

func (s *scripted) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s *scripted) Driver() driver.Driver                        { return nil }
func (s *scripted) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (s *scripted) Begin() (driver.Tx, error)                    { return nil, errors.ErrUnsupported }
func (s *scripted) Close() error                                 { return nil }

func (s *scripted) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	if !strings.Contains(query, "wal_checkpoint") {
		s.statements = append(s.statements, query)
	}
	return driver.RowsAffected(0), nil
}

func (s *scripted) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &scriptedRow{state: s.log}, nil
}

type scriptedRow struct {
	state logState
	read  bool
}

func (*scriptedRow) Columns() []string { return []string{"busy", "log", "checkpointed"} }
func (*scriptedRow) Close() error      { return nil }

func (r *scriptedRow) Next(to []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	to[0], to[1], to[2] = r.state.busy, int64(r.state.pages), int64(r.state.copied)
	return nil
}

func TestPageCacheIsFreedOnceAfterSomeCheckpointsWithoutAWrite(t *testing.T) {
	db := &scripted{}
	pool := sql.OpenDB(db)
	defer pool.Close()
	c := NewCheckpointer(pool, pool, func() bool { return true })
	shrinks := func(checkpoints int) (counts []int) {
		for i := range checkpoints {
			before := len(db.statements)
			c.Checkpoint(t.Context())
			if len(db.statements) > before {
				counts = append(counts, i)
			}
		}
		return counts
	}
	for i := range 20 {
		db.log.pages = i + 1
		if got := shrinks(1); got != nil {
			t.Fatal("the cache is freed during writes")
		}
	}
	if got := shrinks(20); !slices.Equal(got, []int{quietCheckpoints - 1}) {
		t.Errorf("the cache is freed at the checkpoints %v after the last write", got)
	}
	db.log.pages++
	if got := shrinks(20); !slices.Equal(got, []int{quietCheckpoints}) {
		t.Errorf("the cache is freed at the checkpoints %v, and a write was before the first", got)
	}
	if !slices.Equal(db.statements, []string{"PRAGMA shrink_memory", "PRAGMA shrink_memory"}) {
		t.Errorf("statements %v", db.statements)
	}
}

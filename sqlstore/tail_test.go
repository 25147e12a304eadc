package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// readTail reads to the end of a tail.
func readTail(t testing.TB, tail core.Tail) (all []core.TailEntry) {
	t.Helper()
	for {
		entries, more, err := tail.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
		if !more {
			return all
		}
	}
}

func wantTail(t testing.TB, tail core.Tail, want ...core.TailEntry) {
	t.Helper()
	if got := readTail(t, tail); !slices.Equal(got, want) {
		t.Fatalf("the tail has %v, want %v", got, want)
	}
}

func openTail(t testing.TB, store *Store) core.Tail {
	t.Helper()
	tail, err := store.OpenTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tail
}

// gaps returns the number of gaps of a tail.
func gaps(of core.Tail) int { return len(of.(*tail).cursor.Gaps) }

// begin begins a transaction of another program.
func begin(t testing.TB, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func execIn(t testing.TB, tx *sql.Tx, statement string, args ...any) {
	t.Helper()
	if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// insertRow inserts a batch of one operation as another server does.
const insertRow = `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, op_index)
	VALUES ($1, 'default', 'n', 'set', '1', 'client', $2, 0)`

func TestRunningTransactionDelaysNoOtherBatch(t *testing.T) {
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprint("committed: ", committed), func(t *testing.T) {
			dsn := dbtest.Postgres(t)
			store, raw := openDSN(t, dsn), rawPostgres(t, dsn)
			tail := openTail(t, store)
			held, foreign := begin(t, raw), begin(t, raw)
			execIn(t, held, insertRow, "held", 1)
			appendHistory(t, store, "room", 1, 1)
			execIn(t, held, insertRow, "held too", 1)
			execIn(t, foreign, "SELECT txid_current()")
			appendHistory(t, store, "room", 2, 2)
			wantTail(t, tail, core.TailEntry{Room: "room", ServerSeq: 1}, core.TailEntry{Room: "room", ServerSeq: 2})
			wantTail(t, tail)
			if tail.Held() <= 0 || gaps(tail) != 2 {
				t.Errorf("held for %v by %d gaps", tail.Held(), gaps(tail))
			}

			end := held.Rollback
			var want []core.TailEntry
			if committed {
				end, want = held.Commit, []core.TailEntry{{Room: "held", ServerSeq: 1}, {Room: "held too", ServerSeq: 1}}
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			wantTail(t, tail, want...)
			if !committed && gaps(tail) != 2 { // the foreign transaction may have the ids
				t.Errorf("%d gaps", gaps(tail))
			}
			if err := foreign.Commit(); err != nil {
				t.Fatal(err)
			}
			wantTail(t, tail)
			if gaps(tail) != 0 || tail.Held() != 0 {
				t.Errorf("all transactions have ended, and %d gaps are left", gaps(tail))
			}
		})
	}
}

// The numbers of transactions and the ids of their rows are not in the same order.
func TestGapOutlivesTransactionsThatBeganBeforeItsOwn(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store, raw := openDSN(t, dsn), rawPostgres(t, dsn)
	tail := openTail(t, store)
	earlier, later := begin(t, raw), begin(t, raw)
	execIn(t, earlier, "SELECT txid_current()")
	execIn(t, later, insertRow, "later", 1) // the lower id and the higher number
	execIn(t, earlier, insertRow, "earlier", 1)
	if err := earlier.Commit(); err != nil {
		t.Fatal(err)
	}
	wantTail(t, tail, core.TailEntry{Room: "earlier", ServerSeq: 1})
	wantTail(t, tail)
	if err := later.Commit(); err != nil {
		t.Fatal(err)
	}
	wantTail(t, tail, core.TailEntry{Room: "later", ServerSeq: 1})
}

func TestAppendHasItsTransactionNumberBeforeItsIds(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store, raw := openDSN(t, dsn), rawPostgres(t, dsn)
	mustExec(t, raw, `CREATE FUNCTION numbered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF txid_current_if_assigned() IS NULL THEN RAISE EXCEPTION 'id % has no transaction', NEW.id; END IF; RETURN NEW; END $$`)
	mustExec(t, raw, "CREATE TRIGGER numbered BEFORE INSERT ON sync_change_log FOR EACH ROW EXECUTE FUNCTION numbered()")
	appendHistory(t, store, "room", 1, 5) // the server gives a number for every 32nd id anyway

	plan := queryColumn(t, raw, "EXPLAIN (COSTS OFF) "+strings.NewReplacer("$10", "NULL", "$11", "NULL", "$12", "NULL", "$13", "NULL",
		"$1", "NULL", "$2", "NULL", "$3", "NULL", "$4", "NULL", "$5", "NULL", "$6", "NULL", "$7", "NULL", "$8", "NULL", "$9", "NULL").
		Replace(store.dialect.Statements()["insert operations"]))
	if !strings.Contains(plan, "One-Time Filter: (txid_current() > 0)") {
		t.Errorf("the condition is not evaluated before the first row:\n%s", plan)
	}
}

func TestTailReturnsBatchThatWasInFlightWhenItWasOpened(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store, raw := openDSN(t, dsn), rawPostgres(t, dsn)
	appendHistory(t, store, "room", 1, 3)
	held := begin(t, raw)
	execIn(t, held, insertRow, "held", 1)
	appendHistory(t, store, "room", 4, 5)
	tail := openTail(t, store)
	wantTail(t, tail)
	if err := held.Commit(); err != nil {
		t.Fatal(err)
	}
	wantTail(t, tail, core.TailEntry{Room: "held", ServerSeq: 1})
}

func TestTailContinuesAfterIdsJump(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store, raw := openDSN(t, dsn), rawPostgres(t, dsn)
	tail := openTail(t, store)
	appendHistory(t, store, "room", 1, 1)
	mustExec(t, raw, "SELECT setval(pg_get_serial_sequence('sync_change_log', 'id'), 1000000000000)")
	appendHistory(t, store, "room", 2, 2)
	wantTail(t, tail, core.TailEntry{Room: "room", ServerSeq: 1}, core.TailEntry{Room: "room", ServerSeq: 2})
	wantTail(t, tail)
	if gaps(tail) != 0 {
		t.Errorf("%d gaps without a transaction", gaps(tail))
	}
}

func TestTailIsLostBeyondItsBoundOfGaps(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store, raw := openDSN(t, dsn), rawPostgres(t, dsn)
	tail := openTail(t, store)
	held := begin(t, raw)
	execIn(t, held, insertRow, "held", 1)
	mustExec(t, raw, `INSERT INTO sync_change_log (id, room, store_key, path, op, client_id, server_seq, op_index)
		OVERRIDING SYSTEM VALUE SELECT 2 * n + 10, 'room', 'default', 'n', 'set', 'client', n, 0 FROM generate_series(1, $1) AS n`, logtail.MaxGaps+1)
	for range 2 {
		if _, _, err := tail.Next(t.Context()); !errors.Is(err, core.ErrTailLost) {
			t.Fatalf("got %v", err)
		}
	}
	tail = openTail(t, store)
	wantTail(t, tail)
	if n := gaps(tail); n == 0 || n > logtail.MaxGaps/2 {
		t.Errorf("a new tail has %d gaps", n)
	}
}

func TestTailIsLostWhenTheDatabaseGoesBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		appendHistory(t, store, "room", 1, 5)
		tail := openTail(t, store)
		wantTail(t, tail)
		appendHistory(t, store, "room", 6, 9)
		readTail(t, tail)
		goBack(t, e, dsn, 4)
		for range 2 {
			if _, _, err := tail.Next(t.Context()); !errors.Is(err, core.ErrTailLost) {
				t.Fatalf("got %v", err)
			}
		}
		tail = openTail(t, store)
		appendHistory(t, store, "room", 5, 5)
		wantTail(t, tail, core.TailEntry{Room: "room", ServerSeq: 5})
	})
}

// The rows of a restored copy get ids that the tail has seen already.
func TestTailIsLostWhenIdsAreUsedAgain(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		if e.name != "SQLite" {
			t.Skip("only SQLite uses ids again")
		}
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		tail := openTail(t, store)
		appendHistory(t, store, "room", 1, 5)
		readTail(t, tail)
		goBack(t, e, dsn, 2)
		appendHistory(t, store, "another", 1, 20)
		if _, _, err := tail.Next(t.Context()); !errors.Is(err, core.ErrTailLost) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestTailReportsAnotherEpoch(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		tail := openTail(t, store)
		if _, _, err := RotateEpoch(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tail.Next(t.Context()); !errors.Is(err, core.ErrHistoryChanged) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestRowsOfThePredecessorAreNoBatches(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		tail := openTail(t, store)
		mustExec(t, e.raw(t, dsn), e.text(dsn, `INSERT INTO ~sync_change_log (room, store_key, path, op, client_id, server_seq, server_ts, op_index)
			SELECT 'old', 'default', 'n', 'set', 'client', 1, `+store.dialect.Schema().Syntax.Now+`, -1`))
		appendHistory(t, store, "room", 1, 1)
		wantTail(t, tail, core.TailEntry{Room: "room", ServerSeq: 1})
	})
}

func TestReadThatFailsAfterwardsLosesNothing(t *testing.T) {
	store := openFile(t, newFile(t))
	moved := &movedDialect{Dialect: store.dialect}
	other := &Store{dialect: moved, query: store.query, epoch: store.epoch, set: settings{log: slog.New(slog.DiscardHandler)}}
	tail, err := other.OpenTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	appendHistory(t, store, "room", 1, 1)
	moved.err = core.ErrGone
	if _, _, err := tail.Next(t.Context()); !errors.Is(err, core.ErrGone) {
		t.Fatalf("got %v", err)
	}
	moved.err = nil
	wantTail(t, tail, core.TailEntry{Room: "room", ServerSeq: 1})
}

// movedDialect reports after each call that the file is moved.
type movedDialect struct {
	dialect.Dialect
	err error
}

func (d *movedDialect) Moved() error { return d.err }

func TestReadOfTheTailVisitsNoRowThatItHasSeen(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	rows, err := rawFile(t, file).QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+store.dialect.Statements()["tail"], 5, "room", 3, 9000, 5000)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan += step + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"SEARCH sync_change_log USING INTEGER PRIMARY KEY (rowid>?)",
		"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room=? AND server_seq>?)",
	} {
		if !strings.Contains(plan, want) || strings.Contains(plan, "SCAN sync_change_log") {
			t.Errorf("want %s, got\n%s", want, plan)
		}
	}
}

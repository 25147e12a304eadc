package sqlstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// goBack deletes all batches after a serverSeq, as restoring a backup does, and keeps the epoch. Like a restore, it lets no
// document be written meanwhile.
func goBack(t *testing.T, e engine, dsn string, last int64) {
	t.Helper()
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tx, err := e.raw(t, dsn).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := lockWrites(t.Context(), d, tx); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"sync_change_log", "sync_documents", "sync_checkpoints"} {
		if _, err := tx.ExecContext(t.Context(), e.text(dsn, fmt.Sprintf("DELETE FROM ~%s WHERE server_seq > %d", table, last))); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseRestoredUnderRunningServerGetsNewEpoch(t *testing.T) {
	for name, notice := range map[string]func(t *testing.T, room *core.Room){
		"by the next batch": func(t *testing.T, room *core.Room) {
			if _, err := room.Submit(t.Context(), setNumber("ann", "n", 11)); !errors.Is(err, core.ErrHistoryChanged) {
				t.Fatalf("err = %v", err)
			}
		},
		"by the watcher": func(*testing.T, *core.Room) {},
	} {
		t.Run(name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, e engine) {
				dsn := e.newDSN(t)
				store := openDSN(t, dsn)
				hub := newHub(t, store, time.Minute)
				room := openRoom(t, hub, "board")
				for n := range int64(10) {
					if _, err := room.Submit(t.Context(), setNumber("ann", "n", n+1)); err != nil {
						t.Fatal(err)
					}
				}
				goBack(t, e, dsn, 5)
				notice(t, room)
				again := roomOfAnotherHistory(t, hub, room)
				a, err := again.Submit(t.Context(), setNumber("ann", "n", 20))
				if err != nil {
					t.Fatal(err)
				}
				if a.Batch.ServerSeq != 6 {
					t.Errorf("the next batch is %d, want 6", a.Batch.ServerSeq)
				}
			})
		})
	}
}

// roomOfAnotherHistory waits until the room has another epoch, and opens it.
func roomOfAnotherHistory(t *testing.T, hub *core.Hub, last *core.Room) *core.Room {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		room, release, err := hub.Room(t.Context(), last.Name())
		if err == nil && room.Epoch() != last.Epoch() {
			t.Cleanup(release)
			return room
		}
		if err == nil {
			release()
		} else if !errors.Is(err, core.ErrHistoryChanged) {
			t.Fatal(err)
		}
		if time.Now().After(limit) {
			t.Fatal("the epoch does not change")
		}
	}
}

// A server whose epoch was replaced must not overwrite documents.
func TestCheckpointOfEndedHistoryIsRejected(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		if _, _, err := RotateEpoch(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
		err := store.SaveDocuments(t.Context(), []core.Document{{Room: "board", Key: "default", ServerSeq: 1, State: "1"}})
		if !errors.Is(err, core.ErrHistoryChanged) {
			t.Errorf("err = %v", err)
		}
		if n := queryText(t, e.raw(t, dsn), e.text(dsn, "SELECT COUNT(*) FROM ~sync_documents")); n != "0" {
			t.Errorf("%s documents were written", n)
		}
	})
}

func TestEpochIsReadAndRotatedWithoutServer(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		for _, use := range []func() error{
			func() error { _, err := Epoch(t.Context(), dsn); return err },
			func() error { _, _, err := RotateEpoch(t.Context(), dsn); return err },
		} {
			if err := use(); err == nil {
				t.Error("a database that no server has used has an epoch")
			}
		}
		store := openDSN(t, dsn)
		appendHistory(t, store, "board", 1, 3)
		before, after, err := RotateEpoch(t.Context(), dsn)
		if err != nil || before != store.Epoch() || after == before {
			t.Errorf("%s became %s, %v; it was %s", before, after, err, store.Epoch())
		}
		if now, err := Epoch(t.Context(), dsn); now != after || err != nil {
			t.Errorf("the epoch is %s, %v, want %s", now, err, after)
		}
		if err := store.Append(t.Context(), []*core.Batch{oneOp("board", 4)}); !errors.Is(err, core.ErrHistoryChanged) {
			t.Errorf("err = %v", err)
		}
	})
}

// recreated replaces the log's table by a new one with the same rows, as pg_restore does.
const recreated = `ALTER TABLE sync_change_log RENAME TO before;
	CREATE TABLE sync_change_log (LIKE before INCLUDING ALL);
	INSERT INTO sync_change_log OVERRIDING SYSTEM VALUE SELECT * FROM before;
	DROP TABLE before;
	SELECT setval(pg_get_serial_sequence('sync_change_log', 'id'), 1000)`

func TestRestoredPostgresDumpGetsNewEpochAtStart(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn)
	appendHistory(t, store, "board", 1, 3)
	epoch := store.Epoch()
	store.Close()
	for range 2 { // restarts alone change nothing
		store := openDSN(t, dsn)
		if store.Epoch() != epoch {
			t.Fatalf("the epoch was %s and is %s", epoch, store.Epoch())
		}
		store.Close()
	}
	mustExec(t, rawPostgres(t, dsn), recreated)

	var said bytes.Buffer
	store, err := Open(t.Context(), dsn, WithLog(slog.New(slog.NewTextHandler(&said, nil))))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	renewed := store.Epoch()
	if renewed == epoch || !store.Created() || strings.Count(said.String(), "level=ERROR") != 1 {
		t.Errorf("the epoch was %s and is %s; the log has %q", epoch, renewed, said.String())
	}
	appendHistory(t, store, "board", 4, 4)
	if again := openDSN(t, dsn); again.Epoch() != renewed || again.Created() {
		t.Errorf("the epoch became %s at a second start", again.Epoch())
	}
}

// While the server runs, psql restores a dump that drops and creates the tables.
func TestDumpRestoredUnderRunningServerIsServed(t *testing.T) {
	dump, err := osexec.LookPath("pg_dump")
	if err != nil {
		t.Skip("skipped: pg_dump is not installed")
	}
	dsn := dbtest.Postgres(t)
	plain, err := url.Parse(dsn)
	mustDo(t, err)
	schema := plain.Query().Get("search_path")
	plain.RawQuery = ""
	hub := newHub(t, openDSN(t, dsn), 10*time.Second)
	room := openRoom(t, hub, "board")
	send := func(n int64) {
		t.Helper()
		if _, err := room.Submit(t.Context(), setNumber("ann", "n", n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range int64(5) {
		send(n + 1)
	}
	backup, err := osexec.CommandContext(t.Context(), dump, "--clean", "--schema", schema, plain.String()).Output()
	if err != nil {
		t.Skipf("skipped: pg_dump: %v", err) // it is older than the server, for example
	}
	for n := range int64(5) {
		send(n + 6)
	}
	restore := osexec.CommandContext(t.Context(), "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", plain.String())
	restore.Stdin = bytes.NewReader(backup)
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	again := roomOfAnotherHistory(t, hub, room)
	a, err := again.Submit(t.Context(), setNumber("ann", "n", 20))
	if err != nil || a.Batch.ServerSeq != 6 {
		t.Errorf("the next batch is %+v, %v; want 6", a.Batch, err)
	}
	if _, err := room.Submit(t.Context(), setNumber("ann", "n", 11)); !errors.Is(err, core.ErrHistoryChanged) {
		t.Errorf("the old history continues: %v", err)
	}
}

// A user with permissions for the tables only can read the identity.
func TestPostgresIdentityNeedsNoPermission(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn)
	whole, err := store.dialect.Identity(t.Context())
	if err != nil || strings.Count(whole, "/") != 2 {
		t.Fatalf("identity %q, %v", whole, err)
	}
	raw := rawPostgres(t, dsn)
	raw.SetMaxOpenConns(1)
	role := "plain_" + strings.ToLower(t.Name()[:8])
	mustExec(t, raw, "CREATE ROLE "+role)
	defer mustExec(t, raw, "RESET ROLE; DROP OWNED BY "+role+"; DROP ROLE "+role)
	mustExec(t, raw, "DO $$ BEGIN EXECUTE 'GRANT USAGE ON SCHEMA ' || current_schema() || ' TO "+role+"'; END $$")
	mustExec(t, raw, "SET ROLE "+role)
	if got := queryText(t, raw, store.dialect.Statements()["identity"]); got != whole {
		t.Errorf("identity %q, want %q", got, whole)
	}
}

// The check of an append sees earlier commits, whatever default isolation level the database or the user has.
func TestPostgresFenceHoldsAtEveryDefaultIsolationLevel(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn+"&default_transaction_isolation=serializable")
	if got := queryText(t, store.dialect.Writer(), "SHOW transaction_isolation"); got != "read committed" {
		t.Errorf("transaction_isolation is %s", got)
	}
}

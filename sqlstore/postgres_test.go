package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestAPostgresCommitIsSyncedToTheDiskWhateverTheUsersDefault(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn+"&synchronous_commit=off")
	if got := queryText(t, store.dialect.writer(), "SHOW synchronous_commit"); got != "on" {
		t.Errorf("synchronous_commit is %s", got)
	}
}

func TestWhatWasAppendedSurvivesTheCrashOfAPostgresServer(t *testing.T) {
	server := dbtest.NewPostgres(t)
	store := openDSN(t, server.DSN)
	appendHistory(t, store, "room", 1, 50)
	server.Stop()

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := store.Append(ctx, []*core.Batch{oneOp("room", 51)})
	wantRepeatable(t, err, "appending to the log", "database")
	wantNoSecret(t, err, server.DSN)

	server.Start(t)
	appendHistory(t, store, "room", 51, 60) // by new connections
	wantLogOf(t, store, "room", 60)
}

func TestACallThatIsCancelledIsGivenUpByTheServer(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn)
	another := rawPostgres(t, dsn)
	lock, err := another.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	if _, err := lock.ExecContext(t.Context(), "LOCK TABLE sync_change_log"); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = store.Append(ctx, []*core.Batch{oneOp("room", 1)})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got error %v, want the deadline", err)
	}
	wantRepeatable(t, err, "does not answer in time")
	const waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'sync_change_log'::regclass"
	for queryText(t, another, waiting) != "0" { // the test's own limit ends this
		time.Sleep(time.Millisecond)
	}
	if err := lock.Commit(); err != nil {
		t.Fatal(err)
	}
	appendHistory(t, store, "room", 1, 1)
}

func TestTheTablesOfPostgresCanBeReadInAShell(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn)
	b := oneOp("room", 1)
	b.ServerTs = 1_767_225_600_123
	if err := store.Append(t.Context(), []*core.Batch{b}); err != nil {
		t.Fatal(err)
	}
	doc := core.Document{Room: "room", Key: "default", ServerSeq: 1, State: "1"}
	if err := store.SaveDocuments(t.Context(), []core.Document{doc}); err != nil {
		t.Fatal(err)
	}
	db := rawPostgres(t, dsn)
	const row = "SELECT concat_ws(' ', server_ts AT TIME ZONE 'UTC', room, store_key, path, op, value) FROM sync_change_log"
	if got, want := queryText(t, db, row), "2026-01-01 00:00:00.123 room default title set 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := queryText(t, db, "SELECT abs(extract(epoch FROM now() - updated_at)) < 60 FROM sync_documents"); got != "true" {
		t.Error("updated_at is not the time at which the row was written")
	}
}

func TestAPageOfAPostgresLogIsReadInChunks(t *testing.T) {
	store := openDSN(t, dbtest.Postgres(t))
	const batches, ops = 5, postgresMostRows/2 + 1
	for seq := range int64(batches) {
		b := oneOp("room", seq+1)
		for range ops - 1 {
			b.Ops = append(b.Ops, b.Ops[0])
		}
		if err := store.Append(t.Context(), []*core.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	for name, page := range map[string]core.Page{
		"rows":  {Batches: 100, Bytes: 1 << 30},
		"bytes": {Batches: 100, Bytes: batches * ops * len("title1")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := store.Log(t.Context(), "room", 0, page)
			if err != nil || len(got) != batches {
				t.Fatalf("got %d batches, %v", len(got), err)
			}
			for _, b := range got {
				if len(b.Ops) != ops {
					t.Errorf("batch %d has %d operations, want %d", b.ServerSeq, len(b.Ops), ops)
				}
			}
		})
	}
}

func TestOfADocumentTwiceInOneSavePostgresKeepsTheNewer(t *testing.T) {
	store := openDSN(t, dbtest.Postgres(t))
	docs := []core.Document{
		{Room: "room", Key: "k", ServerSeq: 2, State: `"new"`}, {Room: "room", Key: "k", ServerSeq: 1, State: `"old"`},
	}
	if err := store.SaveDocuments(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	got, err := store.Documents(t.Context(), "room")
	if err != nil || len(got) != 1 || got[0] != docs[0] {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestWhatPostgresRefusesIsRejected(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn)
	mustExec(t, rawPostgres(t, dsn), "ALTER TABLE sync_documents ADD CHECK (state <> '13')")
	unlucky := core.Document{Room: "room", Key: "default", ServerSeq: 1, State: "13"}
	long := oneOp("room", 1)
	long.Ops[0].Path = strings.Repeat("p", 1001)
	for name, err := range map[string]error{
		"a constraint": store.SaveDocuments(t.Context(), []core.Document{unlucky}),
		"a length":     store.Append(t.Context(), []*core.Batch{long}),
	} {
		if !errors.Is(err, core.ErrRejected) {
			t.Errorf("%s: got error %v, want a rejection", name, err)
		}
		wantNoSecret(t, err, dsn)
	}
}

// rawPostgres opens a database as another program would.
func rawPostgres(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// wantNoSecret wants an error to be one line without anything of a URL or a statement.
func wantNoSecret(t testing.TB, err error, dsn string) {
	t.Helper()
	u, parseErr := url.Parse(dsn)
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	password, _ := u.User.Password()
	text := strings.ToUpper(fmt.Sprint(err))
	for _, secret := range []string{password, "INSERT", "SELECT", "VALUES", "UNNEST", "\n", u.Hostname(), u.Port(), u.User.Username() + "@", "USER="} {
		if secret != "" && strings.Contains(text, strings.ToUpper(secret)) {
			t.Errorf("%q says %q", err, secret)
		}
	}
}

// queryColumn is the rows of one column, as lines.
func queryColumn(t testing.TB, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

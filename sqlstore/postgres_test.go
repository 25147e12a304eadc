package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/postgres"
)

func TestPostgresCommitIsSyncedDespiteUserDefault(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn+"&synchronous_commit=off")
	if got := queryText(t, store.dialect.Writer(), "SHOW synchronous_commit"); got != "on" {
		t.Errorf("synchronous_commit is %s", got)
	}
}

// A client that vanishes in the middle of a transaction must not hold its locks for long. tests/cluster cuts the network.
func TestPostgresServerLooksForVanishedClients(t *testing.T) {
	store := openDSN(t, dbtest.Postgres(t))
	for _, db := range []*sql.DB{store.dialect.Writer(), store.dialect.Reader()} {
		for setting, want := range map[string]string{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"} {
			if got := queryText(t, db, "SHOW "+setting); got != want {
				t.Errorf("%s is %s", setting, got)
			}
		}
	}
}

func TestPostgresAppendsSurviveServerCrash(t *testing.T) {
	server := dbtest.NewPostgres(t)
	store := openDSN(t, server.DSN)
	appendHistory(t, store, "room", 1, 50)
	server.Stop()

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := store.Append(ctx, []*core.Batch{oneOp("room", 51)})
	dbtest.WantOutage(t, err, "appending to the log", "database")
	dbtest.WantNoSecret(t, err, server.DSN)

	server.Start(t)
	appendHistory(t, store, "room", 51, 60) // by new connections
	wantLogOf(t, store, "room", 60)
}

func TestPostgresCancelsStatementOfEndedCall(t *testing.T) {
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
	dbtest.WantOutage(t, err, "does not respond in time")
	const waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'sync_change_log'::regclass"
	for queryText(t, another, waiting) != "0" { // the test's own limit ends this
		time.Sleep(time.Millisecond)
	}
	if err := lock.Commit(); err != nil {
		t.Fatal(err)
	}
	appendHistory(t, store, "room", 1, 1)
}

func TestPostgresTablesAreReadableInShell(t *testing.T) {
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

func TestPostgresReadsPageInChunks(t *testing.T) {
	store := openDSN(t, dbtest.Postgres(t))
	const batches, ops = 5, postgres.MaxRows/2 + 1
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

func TestPostgresKeepsNewerOfTwoVersionsInOneSave(t *testing.T) {
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

func TestPostgresRejectsInvalidData(t *testing.T) {
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
		dbtest.WantNoSecret(t, err, dsn)
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

func TestOpenPostgresErrorNamesCauseAndWayOut(t *testing.T) {
	dsn := dbtest.NewPostgres(t).DSN
	mustExec(t, rawPostgres(t, dsn), "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
	for _, test := range []struct {
		name, dsn string
		want      string
	}{
		{"another password", strings.Replace(dsn, dbtest.PostgresPassword, "wrong", 1), "refuses this user"},
		{"no database", strings.TrimSuffix(dsn, "postgres") + "absent", "the database does not exist: create it"},
		{"no schema", dsn + "?search_path=absent", "the schema does not exist: create it"},
		{"another encoding", strings.TrimSuffix(dsn, "postgres") + "latin", "the encoding of the database is not UTF8"},
		{"no encryption", dsn + "?sslmode=verify-full", "it does not support TLS"},
		{"no server", "postgres://pathsync:" + dbtest.PostgresPassword + "@" + dbtest.UnusedAddress(t) + "/postgres", "connection refused"},
		{"no host", "postgres://pathsync:" + dbtest.PostgresPassword + "@absent.invalid/postgres", "its host name is not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := Open(t.Context(), test.dsn)
			if err == nil {
				store.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), "opening database postgres: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not say %q", err, test.want)
			}
			dbtest.WantNoSecret(t, err, test.dsn)
		})
	}
}

func TestInvalidPostgresURLIsNotInError(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://scott:ti%zzger@h/d":                                   "the URL is not valid",
		"postgres://scott:tiger@h:port/d":                                 "the URL is not valid",
		"postgres://scott:tiger@h/d?sslmode=tight":                        "the URL is not valid",
		"postgres://scott:tiger@h/d?sslrootcert=/absent/ca.pem&sslmode=x": "/absent/ca.pem",
		"postgres://scott:tiger@h/d?connect_timeout=soon":                 "the URL is not valid",
	} {
		_, err := Open(t.Context(), dsn)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "opening database") {
			t.Errorf("%s: got error %v, want one that says %q", dsn, err, want)
			continue
		}
		for _, secret := range []string{"tiger", "ti%", "scott", "@h"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q says %q", err, secret)
			}
		}
	}
}

func TestPostgresAppendsInEveryQueryMode(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			store := openDSN(t, dbtest.Postgres(t)+"&default_query_exec_mode="+mode)
			appendHistory(t, store, "board", 1, 3)
		})
	}
}

package sqlstore

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestAPostgresThatCannotBeOpenedSaysWhyAndWhatToDo(t *testing.T) {
	dsn := dbtest.NewPostgres(t).DSN
	mustExec(t, rawPostgres(t, dsn), "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
	for _, test := range []struct {
		name, dsn string
		want      string
	}{
		{"another password", strings.Replace(dsn, dbtest.PostgresPassword, "wrong", 1), "refuses this user"},
		{"no database", strings.TrimSuffix(dsn, "postgres") + "absent", "the database does not exist: make it"},
		{"no schema", dsn + "?search_path=absent", "the schema does not exist: make it"},
		{"another encoding", strings.TrimSuffix(dsn, "postgres") + "latin", "not encoded in UTF8"},
		{"no encryption", dsn + "?sslmode=verify-full", "it does no encryption"},
		{"no server", "postgres://pathsync:" + dbtest.PostgresPassword + "@" + unusedAddress(t) + "/postgres", "connection refused"},
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
			wantNoSecret(t, err, test.dsn)
		})
	}
}

func TestWhatPostgresReportsHasAMeaningForTheCore(t *testing.T) {
	for _, test := range []struct {
		reported pgconn.PgError
		want     error // nil: worth repeating
		says     string
	}{
		{pgconn.PgError{Code: "23505", ConstraintName: "sync_change_log_order"}, core.ErrConflict, ""},
		{pgconn.PgError{Code: "23505", ConstraintName: "sync_change_log_pkey"}, core.ErrRejected, "constraint"},
		{pgconn.PgError{Code: "22021"}, core.ErrRejected, "characters that the database cannot store"},
		{pgconn.PgError{Code: "22001"}, core.ErrRejected, "does not fit its column"},
		{pgconn.PgError{Code: "54000"}, core.ErrRejected, "beyond a limit"},
		{pgconn.PgError{Code: "P0001"}, core.ErrRejected, "a trigger"},
		{pgconn.PgError{Code: "22012"}, core.ErrRejected, ""},
		{pgconn.PgError{Code: "39000"}, core.ErrRejected, "a trigger"},
		{pgconn.PgError{Code: "42501", Routine: "ExecWithCheckOptions"}, core.ErrRejected, ""},
		{pgconn.PgError{Code: "42P01", Where: "PL/pgSQL function f() line 1"}, core.ErrUnexplained, ""},
		{pgconn.PgError{Code: "42P01"}, nil, "not as this program left them"},
		{pgconn.PgError{Code: "XX000"}, core.ErrUnexplained, "look at its log"},
		{pgconn.PgError{Code: "QQ001"}, core.ErrUnexplained, "look at its log"},
		{pgconn.PgError{Code: "57014"}, core.ErrTooSlow, "statement_timeout"},
		{pgconn.PgError{Code: "55P03"}, core.ErrTooSlow, "lock"},
		{pgconn.PgError{Code: "26000"}, nil, "pooler"},
		{pgconn.PgError{Code: "40003"}, nil, "another transaction was in the way"},
		{pgconn.PgError{Code: "40001"}, errUndone, "another transaction was in the way"},
		{pgconn.PgError{Code: "40P01"}, errUndone, "another transaction was in the way"},
		{pgconn.PgError{Code: "57P01"}, nil, "has ended the call"},
		{pgconn.PgError{Code: "57P03"}, nil, "starting or stopping"},
		{pgconn.PgError{Code: "53100"}, nil, "disk is full: make room"},
		{pgconn.PgError{Code: "25006"}, nil, "takes no writes now"},
		{pgconn.PgError{Code: "42501"}, nil, "grant it"},
		{pgconn.PgError{Code: "ZZ999"}, core.ErrUnexplained, "look at its log"},
	} {
		t.Run(test.reported.Code, func(t *testing.T) {
			test.reported.Message = "a text with secrets in it"
			err := (&postgres{}).explain(&test.reported)
			if test.want == nil {
				wantRepeatable(t, err)
			} else if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("it says %q", err)
			}
		})
	}
}

func unusedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

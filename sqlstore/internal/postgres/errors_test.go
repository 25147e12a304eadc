package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

func TestPostgresErrorsHaveCoreMeaning(t *testing.T) {
	for _, test := range []struct {
		reported pgconn.PgError
		want     error // nil: worth repeating
		says     string
	}{
		{pgconn.PgError{Code: "23505", ConstraintName: "sync_change_log_order"}, core.ErrConflict, ""},
		{pgconn.PgError{Code: "23505", ConstraintName: "sync_change_log_pkey"}, core.ErrRejected, "constraint"},
		{pgconn.PgError{Code: "22021"}, core.ErrRejected, "characters that the database cannot store"},
		{pgconn.PgError{Code: "22001"}, core.ErrRejected, "does not fit its column"},
		{pgconn.PgError{Code: "54000"}, core.ErrRejected, "exceeds a limit"},
		{pgconn.PgError{Code: "P0001"}, core.ErrRejected, "a trigger"},
		{pgconn.PgError{Code: "22012"}, core.ErrRejected, ""},
		{pgconn.PgError{Code: "39000"}, core.ErrRejected, "a trigger"},
		{pgconn.PgError{Code: "42501", Routine: "ExecWithCheckOptions"}, core.ErrRejected, ""},
		{pgconn.PgError{Code: "42P01", Where: "PL/pgSQL function f() line 1"}, core.ErrUnexplained, ""},
		{pgconn.PgError{Code: "42P01"}, nil, "the tables were changed"},
		{pgconn.PgError{Code: "XX000"}, core.ErrUnexplained, "see its log"},
		{pgconn.PgError{Code: "QQ001"}, core.ErrUnexplained, "see its log"},
		{pgconn.PgError{Code: "57014"}, core.ErrTooSlow, "statement_timeout"},
		{pgconn.PgError{Code: "55P03"}, core.ErrTooSlow, "lock"},
		{pgconn.PgError{Code: "26000"}, nil, "pooler"},
		{pgconn.PgError{Code: "40003"}, nil, "serialization failure or deadlock"},
		{pgconn.PgError{Code: "40001"}, dialect.ErrRolledBack, "serialization failure or deadlock"},
		{pgconn.PgError{Code: "40P01"}, dialect.ErrRolledBack, "serialization failure or deadlock"},
		{pgconn.PgError{Code: "57P01"}, nil, "has ended the call"},
		{pgconn.PgError{Code: "57P03"}, nil, "starting or stopping"},
		{pgconn.PgError{Code: "53100"}, nil, "disk is full: free space"},
		{pgconn.PgError{Code: "25006"}, nil, "takes no writes now"},
		{pgconn.PgError{Code: "42501"}, nil, "grant it"},
		{pgconn.PgError{Code: "ZZ999"}, core.ErrUnexplained, "see its log"},
	} {
		t.Run(test.reported.Code, func(t *testing.T) {
			test.reported.Message = "a text with secrets in it"
			err := (&Dialect{}).Explain(&test.reported)
			if test.want == nil {
				dbtest.WantOutage(t, err)
			} else if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("it says %q", err)
			}
		})
	}
}

package sqlstore

import (
	"path/filepath"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/storetest"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) core.Store { return openFile(t, newFile(t)) })
}

func TestSQLiteIsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (core.Store, error) {
		file := newFile(t)
		return func() (core.Store, error) { return Open(t.Context(), "sqlite:"+file) }
	})
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) core.Store { return openDSN(t, dbtest.Postgres(t)) })
}

func TestPostgresIsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (core.Store, error) {
		dsn := dbtest.Postgres(t)
		return func() (core.Store, error) { return Open(t.Context(), dsn) }
	})
}

// newFile is the name of a database that does not exist yet.
func newFile(t testing.TB) string {
	return filepath.Join(t.TempDir(), "pathsync test#1 100%.db") // what a URI would take for syntax
}

func openFile(t testing.TB, file string) *Store {
	t.Helper()
	return openDSN(t, "sqlite:"+file)
}

func openDSN(t testing.TB, dsn string) *Store {
	t.Helper()
	store, err := Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

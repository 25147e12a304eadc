package sqlstore

import (
	"path/filepath"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/storetest"
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

// newFile is the name of a database that does not exist yet.
func newFile(t testing.TB) string {
	return filepath.Join(t.TempDir(), "pathsync test#1 100%.db") // what a URI would take for syntax
}

func openFile(t testing.TB, file string) *Store {
	t.Helper()
	store, err := Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

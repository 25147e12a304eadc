package sqlstore

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/internal/sqlite"
)

func TestOpenErrorNamesCauseAndWayOut(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dsn string
		want      []string
	}{
		{"no directory", "sqlite:" + dir + "/absent/x.db", []string{dir + "/absent/x.db", "does not exist", "create it"}},
		{"a directory", "sqlite:" + dir, []string{dir, "is a directory"}},
		{"not a database", "sqlite:" + text, []string{text, "not a SQLite database", "choose another"}},
		{"no file", "sqlite:", []string{"the file name is missing"}},
		{"in memory", "sqlite::memory:", []string{"the file name is missing"}},
		{"unknown kind", "oracle://scott:tiger@localhost", []string{`"oracle"`, "use sqlite:FILE, postgres:"}},
		{"no kind", "", []string{"use sqlite:FILE, postgres:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := Open(t.Context(), test.dsn)
			if err == nil {
				store.Close()
				t.Fatal("it was opened")
			}
			for _, want := range append(test.want, "opening database") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			for _, secret := range []string{"tiger", "SELECT", "PRAGMA", "\n"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q says %q", err, secret)
				}
			}
		})
	}
}

func rawFile(t testing.TB, file string) *sql.DB { return rawSQLite(t, "sqlite:"+file) }

// rawSQLite opens a database as another program would.
func rawSQLite(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	file := strings.TrimPrefix(dsn, "sqlite:")
	db, err := sqlite.OpenPool(file, "", "rwc", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func queryText(t testing.TB, db *sql.DB, query string, args ...any) (text string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

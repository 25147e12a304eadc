package sqlstore

import (
	"database/sql"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// engine is a kind of database, for the tests and benchmarks that every kind takes.
type engine struct {
	name string
	// newDSN names a database that is empty.
	newDSN func(t testing.TB) string
	// raw opens a database as another program would.
	raw func(t testing.TB, dsn string) *sql.DB
}

var engines = []engine{
	{"SQLite", func(t testing.TB) string { return "sqlite:" + newFile(t) }, rawSQLite},
	{"PostgreSQL", dbtest.Postgres, rawPostgres},
}

// onEachEngine runs a test with every kind of database that is at hand.
func onEachEngine(t *testing.T, test func(t *testing.T, e engine)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

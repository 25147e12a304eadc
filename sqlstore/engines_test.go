package sqlstore

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// engine is a kind of database, for tests and benchmarks that run with each kind.
type engine struct {
	name string
	// newDSN returns the DSN of an empty database, or skips the test.
	newDSN func(t testing.TB) string
	// raw opens a database without package sqlstore.
	raw func(t testing.TB, dsn string) *sql.DB
	// limit is the longest time of a call, or of connecting, without a fault.
	limit time.Duration
	// schema precedes the names of tables in statements of other programs.
	schema func(dsn string) string
}

var engines = []engine{
	{"SQLite", func(t testing.TB) string { return "sqlite:" + newFile(t) }, rawSQLite, time.Second, noSchema},
	{"PostgreSQL", dbtest.Postgres, rawPostgres, 500 * time.Millisecond, noSchema},
	{"SQLServer", dbtest.SQLServer, rawSQLServer, 2 * time.Second, sqlServerSchema},
}

func noSchema(string) string { return "" }

func sqlServerSchema(dsn string) string {
	_, schema, _ := strings.Cut(dsn, "schema=")
	schema, _, _ = strings.Cut(schema, "&")
	return schema + "."
}

func rawSQLServer(t testing.TB, dsn string) *sql.DB {
	db, _ := dbtest.OpenSQLServer(t, dsn)
	return db
}

// patience is limit, or five times what connecting or a first append takes, if that is more. After an outage, a call connects
// and plans its statement. Some servers take seconds for that.
func (e engine) patience(t testing.TB, dsn string) time.Duration {
	limit := e.limit
	for range 3 {
		db := e.raw(t, dsn)
		started := time.Now()
		if got := queryText(t, db, "SELECT 1"); got != "1" {
			t.Fatalf("SELECT 1 is %s", got)
		}
		limit = max(limit, 5*time.Since(started))
		db.Close()
	}
	store := openDSN(t, dsn)
	first := &core.Batch{Room: "patience", Key: "default", ClientID: "client", ClientSeq: 1, ServerSeq: 1,
		Ops: []core.LoggedOp{{Kind: "set", Path: "n", Value: "1", Index: -1}}}
	started := time.Now()
	if err := store.Append(t.Context(), []*core.Batch{first}); err != nil {
		t.Fatal(err)
	}
	return max(limit, 5*time.Since(started))
}

// text puts the schema in place of each ~ of a statement.
func (e engine) text(dsn, statement string) string {
	return strings.ReplaceAll(statement, "~", e.schema(dsn))
}

// onEachEngine runs a test with each available kind of database.
func onEachEngine(t *testing.T, test func(t *testing.T, e engine)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

package sqlstore

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// engine is a kind of database, for the tests and benchmarks that every kind takes.
type engine struct {
	name string
	// newDSN names a database that is empty, or skips the test.
	newDSN func(t testing.TB) string
	// raw opens a database as another program would.
	raw func(t testing.TB, dsn string) *sql.DB
	// limit is within what a call ends, and a connection can be made, where nothing is wrong.
	limit time.Duration
	// schema is what stands before the names of tables in statements of another program.
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

// patience is the limit of a call, and more where the server takes long to make a connection or to plan a statement: after
// an outage, a call does both. Some servers take seconds for that.
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

// text is a statement in which ~ stands before the name of each table.
func (e engine) text(dsn, statement string) string {
	return strings.ReplaceAll(statement, "~", e.schema(dsn))
}

// onEachEngine runs a test with every kind of database that is at hand.
func onEachEngine(t *testing.T, test func(t *testing.T, e engine)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

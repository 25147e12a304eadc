package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb" // the driver "sqlserver"
)

// sqlServerVariable is the environment variable with the URL of an existing server to use.
const sqlServerVariable = "PATHSYNC_TEST_SQLSERVER"

// SQLServer returns the URL of an empty schema, which is dropped after the test.
func SQLServer(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv(sqlServerVariable)
	if dsn == "" {
		t.Skipf("skipped: no SQL Server: name one in %s, or use make test-sqlserver", sqlServerVariable)
	}
	schema := "test_" + strings.ToLower(rand.Text())
	ExecSQLServer(t, dsn, "CREATE SCHEMA ["+schema+"]")
	t.Cleanup(func() { dropSchema(t, dsn, schema) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("%s is not a URL", sqlServerVariable)
	}
	query := u.Query()
	query.Set("schema", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// OpenSQLServer opens the database of a URL without package sqlstore. It also returns the name of the schema.
func OpenSQLServer(t testing.TB, dsn string) (db *sql.DB, schema string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db, err = sql.Open("sqlserver", dsn) // which takes no notice of schema
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, u.Query().Get("schema")
}

// ExecSQLServer executes statements in the database of a URL. In them, $(schema) is the URL's schema.
func ExecSQLServer(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // t.Context has ended when a test cleans up
	defer cancel()
	db, schema := OpenSQLServer(t, dsn)
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, strings.ReplaceAll(s, "$(schema)", schema)); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func dropSchema(t testing.TB, dsn, schema string) {
	t.Helper()
	db, _ := OpenSQLServer(t, dsn)
	rows, err := db.QueryContext(context.Background(), "SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID(@p1)", schema)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var drops []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		drops = append(drops, "DROP TABLE ["+schema+"].["+table+"]")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	ExecSQLServer(t, dsn, append(drops, "DROP SCHEMA ["+schema+"]")...)
}

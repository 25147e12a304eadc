package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgresVariable is the environment variable with the URL of an existing server to use.
const postgresVariable = "PATHSYNC_TEST_POSTGRES"

// sharedPostgres returns the server that the tests of a process share. It ends with the process; the function keeps it
// reachable until then.
var sharedPostgres = sync.OnceValues(func() (*PostgresServer, error) {
	if dsn := os.Getenv(postgresVariable); dsn != "" {
		return &PostgresServer{DSN: dsn}, nil
	}
	s, err := initPostgres(loopback, (*exec.Cmd).Start)
	if err != nil {
		return nil, err
	}
	return s, s.start()
})

// Postgres returns the URL of an empty schema, which is dropped after the test. All connections have the same user.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := sharedPostgres()
	if err != nil {
		t.Skipf("skipped: no PostgreSQL server: %v; or name one in %s", err, postgresVariable)
	}
	return newSchema(t, server.DSN)
}

// NewPostgres starts a server for one test, even if other tests use an existing server.
func NewPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	return NewPostgresAt(t, loopback, (*exec.Cmd).Start)
}

const loopback = "127.0.0.1"

// NewPostgresAt is NewPostgres with a server that listens on an address of a network of the tests, in which launch starts the
// process.
func NewPostgresAt(t testing.TB, host string, launch func(*exec.Cmd) error) *PostgresServer {
	t.Helper()
	s, err := initPostgres(host, launch)
	if err != nil {
		t.Skipf("skipped: no PostgreSQL server: %v", err)
	}
	t.Cleanup(s.remove)
	s.Start(t)
	return s
}

func newSchema(t testing.TB, dsn string) string {
	t.Helper()
	schema := "test_" + strings.ToLower(rand.Text())
	execPostgres(t, dsn, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { execPostgres(t, dsn, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("%s is not a URL", postgresVariable)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

func execPostgres(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // t.Context has ended when this cleans up
	defer cancel()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

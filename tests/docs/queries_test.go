package docs

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/pathsync/pathsync/internal/testkit"
	"github.com/pathsync/pathsync/sqlstore"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestQueriesOfThePageRunOnPostgreSQL(t *testing.T) {
	url := dbtest.Postgres(t)
	store, err := sqlstore.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range testkit.Queries(t, root+"/docs/run/databases.md", testkit.PostgreSQL) {
		count(t, db, query)
	}
}

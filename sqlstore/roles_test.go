package sqlstore

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/storetest"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// roleScript is a script of deploy/, for another role and schema.
func roleScript(t *testing.T, file, role, schema, defaultSchema string) string {
	t.Helper()
	script, err := os.ReadFile("../deploy/" + file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(script), "pathsync_service", role)
	text = strings.ReplaceAll(text, "SCHEMA "+defaultSchema, "SCHEMA "+schema)
	return strings.ReplaceAll(text, " "+defaultSchema+".", " "+schema+".")
}

func newRole() string { return "role_" + strings.ToLower(rand.Text()[:12]) }

// withUser is a URL with another user.
func withUser(t *testing.T, dsn, user, password string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

// newPostgresUser makes a user without any right.
func newPostgresUser(t *testing.T, dsn string) (role, password string, db *sql.DB) {
	t.Helper()
	role, password, db = newRole(), dbtest.PostgresPassword, rawPostgres(t, dsn)
	mustExec(t, db, "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'")
	t.Cleanup(func() {
		db := rawPostgres(t, dsn)
		for _, statement := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := db.Exec(statement); err != nil { //nolint:noctx // the test's context has ended
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
	return role, password, db
}

func TestPostgresRoleScriptGrantsAllNeededPermissions(t *testing.T) {
	dsn := dbtest.Postgres(t)
	if _, err := Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	role, password, db := newPostgresUser(t, dsn)
	mustExec(t, db, roleScript(t, "postgres-role.sql", role, queryText(t, db, "SELECT current_schema()"), "public"))
	service := withUser(t, dsn, role, password)
	storetest.Run(t, func(t *testing.T) core.Store { return openDSN(t, service) })
	if _, err := rawPostgres(t, service).ExecContext(t.Context(), "CREATE TABLE more (n INTEGER)"); err == nil {
		t.Error("the service may make tables: this test shows nothing")
	}
}

func TestPostgresWithoutPermissionsNamesWayOut(t *testing.T) {
	dsn := dbtest.Postgres(t)
	role, password, db := newPostgresUser(t, dsn)
	mustExec(t, db, "GRANT USAGE ON SCHEMA "+queryText(t, db, "SELECT current_schema()")+" TO "+role)
	_, err := Open(t.Context(), withUser(t, dsn, role, password))
	if err == nil || !strings.Contains(err.Error(), "may not change tables") || !strings.Contains(err.Error(), "pathsync migrate --print") || !WaitingHelps(err) {
		t.Errorf("got %v", err)
	}
}

func TestSQLServerRoleScriptGrantsAllNeededPermissions(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	if _, err := Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	db, schema := dbtest.OpenSQLServer(t, dsn)
	login, role, password := newRole(), newRole(), "Only-for-tests-1"
	run := func(batches ...string) {
		for _, batch := range batches {
			if strings.TrimSpace(batch) != "" {
				mustExec(t, db, batch)
			}
		}
	}
	run("CREATE LOGIN ["+login+"] WITH PASSWORD = '"+password+"'", "CREATE USER ["+login+"] FOR LOGIN ["+login+"]")
	t.Cleanup(func() {
		for _, statement := range []string{"DROP USER [" + login + "]", "DROP LOGIN [" + login + "]", "DROP ROLE [" + role + "]"} {
			_, _ = db.Exec(statement) //nolint:noctx // the test's context has ended
		}
	})
	run(dialect.Batches(roleScript(t, "sqlserver-role.sql", role, schema, "dbo"))...)
	run("ALTER ROLE [" + role + "] ADD MEMBER [" + login + "]")
	service := withUser(t, dsn, login, password)
	storetest.Run(t, func(t *testing.T) core.Store { return openDSN(t, service) })
	if _, err := rawSQLServer(t, service).ExecContext(t.Context(), "CREATE TABLE ["+schema+"].more (n INTEGER)"); err == nil {
		t.Error("the service may make tables: this test shows nothing")
	}
}

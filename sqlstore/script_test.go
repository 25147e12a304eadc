package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// runScript runs a migration script as the database's own tool does: it goes on after an error, and the last one is
// returned.
func runScript(t *testing.T, e engine, dsn, script string) (failed error) {
	t.Helper()
	if e.name == "PostgreSQL" {
		if psql, err := osexec.LookPath("psql"); err == nil {
			command := osexec.CommandContext(t.Context(), psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=0", psqlURL(dsn))
			command.Stdin = strings.NewReader(script)
			output, err := command.CombinedOutput()
			if err == nil && strings.Contains(string(output), "ERROR") {
				err = fmt.Errorf("%s", output)
			}
			return err
		}
	}
	conn, err := e.raw(t, dsn).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, batch := range dialect.Batches(strings.TrimPrefix(script, ".bail on")) {
		if e.name == "SQLite" {
			if _, batch, _ = strings.Cut(batch, ".bail on\n"); batch == "" {
				t.Fatal("the shell of SQLite would go on after an error")
			}
		}
		if e.name == "SQLServer" { // as sqlcmd does unless it is told otherwise
			batch = "SET QUOTED_IDENTIFIER OFF;\n" + batch
		}
		if _, err := conn.ExecContext(t.Context(), batch); err != nil {
			failed = err
			if e.name == "SQLite" {
				_, _ = conn.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK")
			}
		}
	}
	return failed
}

// psqlURL is the URL as psql takes it: a parameter of the server's goes by options.
func psqlURL(dsn string) string {
	before, schema, ok := strings.Cut(dsn, "search_path=")
	if !ok {
		return dsn
	}
	schema, rest, _ := strings.Cut(schema, "&")
	return before + "options=-csearch_path%3D" + schema + "&" + rest
}

func TestMigrationScriptCreatesTables(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		script, err := MigrationScript(t.Context(), dsn, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := runScript(t, e, dsn, script); err != nil {
			t.Fatalf("%v in\n%s", err, script)
		}
		store := openDSN(t, dsn)
		appendHistory(t, store, "room", 1, 1)
		if version, err := schemaVersion(t.Context(), store.dialect, store.dialect.Reader()); err != nil || version != len(store.dialect.Schema().Migrations) {
			t.Errorf("version %d, %v", version, err)
		}
		if script, err := MigrationScript(t.Context(), dsn, -1); script != "" || err != nil {
			t.Errorf("there is more to do: %v %s", err, script)
		}
	})
}

func TestMigrationScriptUpgradesTables(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, _, err := migrate(t.Context(), &earlierDialect{d, 1}); err != nil {
			t.Fatal(err)
		}
		script, err := MigrationScript(t.Context(), dsn, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := runScript(t, e, dsn, script); err != nil {
			t.Fatalf("%v in\n%s", err, script)
		}
		appendHistory(t, openDSN(t, dsn), "room", 1, 1)
	})
}

// earlierDialect knows the first migrations only.
type earlierDialect struct {
	dialect.Dialect
	known int
}

func (d *earlierDialect) Schema() *dialect.Schema {
	s := *d.Dialect.Schema()
	s.Migrations = s.Migrations[:d.known]
	return &s
}

// A script that is run twice, or against other tables than it was printed for, changes nothing.
func TestMigrationScriptRejectsOtherTables(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		fresh, err := MigrationScript(t.Context(), dsn, 0)
		if err != nil {
			t.Fatal(err)
		}
		upgrade, err := MigrationScript(t.Context(), dsn, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := runScript(t, e, dsn, upgrade); err == nil {
			t.Error("an empty database was upgraded")
		}
		store := openDSN(t, dsn)
		appendHistory(t, store, "room", 1, 1)
		for name, script := range map[string]string{"fresh": fresh, "upgrade": upgrade} {
			if err := runScript(t, e, dsn, script); err == nil {
				t.Errorf("the script %s ran again", name)
			}
		}
		if err := store.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		wantLogOf(t, store, "room", 1)
	})
}

func TestMigrationScriptForKnownVersionDoesNotConnect(t *testing.T) {
	for _, dsn := range []string{"sqlite:/absent/x.db", "postgres://u:secret@127.0.0.1:1/d", "sqlserver://u:secret@127.0.0.1:1?database=d&schema=mine"} {
		script, err := MigrationScript(t.Context(), dsn, 0)
		if err != nil || !strings.Contains(script, "'epoch'") || strings.Contains(script, "secret") || strings.Contains(script, "$(") {
			t.Errorf("%s: %v\n%s", dsn, err, script)
		}
	}
}

package sqlstore

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

func TestNewDatabaseGetsNewestSchema(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		want := fmt.Sprint(len(store.dialect.Schema().Migrations))
		db := e.raw(t, dsn)
		if got := queryText(t, db, e.text(dsn, "SELECT value FROM ~sync_meta WHERE name = 'schema_version'")); got != want {
			t.Errorf("schema_version is %s, want %s", got, want)
		}
		if got := queryText(t, db, e.text(dsn, "SELECT value FROM ~sync_meta WHERE name = 'epoch'")); got != store.Epoch() {
			t.Errorf("epoch is %s, want %s", got, store.Epoch())
		}
	})
}

func TestOpenRejectsTablesOfNewerVersion(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		openDSN(t, dsn).Close()
		db := e.raw(t, dsn)
		mustExec(t, db, e.text(dsn, "UPDATE ~sync_meta SET value = '999' WHERE name = 'schema_version'"))
		for _, oldest := range []string{
			"UPDATE ~sync_meta SET value = '998' WHERE name = 'schema_oldest'",
			"DELETE FROM ~sync_meta WHERE name = 'schema_oldest'",
		} {
			mustExec(t, db, e.text(dsn, oldest))
			_, err := Open(t.Context(), dsn)
			if err == nil || !strings.Contains(err.Error(), "version 999") || !strings.Contains(err.Error(), "use a newer program") || WaitingHelps(err) {
				t.Fatalf("got error %v, want one that says what to do", err)
			}
		}
	})
}

// During a rolling upgrade, servers of two versions use the same tables, and the older ones may be restarted.
func TestOlderProgramUsesTablesWithAdditions(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		old := openDSN(t, dsn)
		appendHistory(t, old, "room", 1, 1)
		d := withMigrations(t, dsn, e.text(dsn, "CREATE TABLE ~addition (n INTEGER)"))
		newer, err := open(t.Context(), d, settings{log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { newer.Close() })

		appendHistory(t, newer, "room", 2, 2)
		appendHistory(t, old, "room", 3, 3)
		restarted := openDSN(t, dsn)
		appendHistory(t, restarted, "room", 4, 4)
		wantLogOf(t, newer, "room", 4)
		if restarted.Epoch() != newer.Epoch() {
			t.Errorf("epochs %s and %s", restarted.Epoch(), newer.Epoch())
		}
		if version, err := Migrate(t.Context(), dsn); err != nil || version != len(d.Schema().Migrations) {
			t.Errorf("version %d, %v", version, err)
		}
		if script, err := MigrationScript(t.Context(), dsn, -1); err != nil || script != "" {
			t.Errorf("%v, %s", err, script)
		}
	})
}

func TestOlderProgramRejectsTablesAfterAnotherChange(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		openDSN(t, dsn).Close()
		d := withMigrations(t, dsn, e.text(dsn, "CREATE TABLE ~addition (n INTEGER)"),
			e.text(dsn, "UPDATE ~sync_meta SET value = '999' WHERE name = 'schema_oldest'"))
		newer, err := open(t.Context(), d, settings{log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		newer.Close()
		if _, err := Open(t.Context(), dsn); err == nil || WaitingHelps(err) {
			t.Errorf("got error %v", err)
		}
		if _, err := MigrationScript(t.Context(), dsn, -1); err == nil {
			t.Error("a script is printed")
		}
	})
}

func TestUpgradeRunsEachMissingMigrationOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		first := openDSN(t, dsn)
		epoch, released := first.Epoch(), len(first.dialect.Schema().Migrations)
		first.Close()

		for range 2 {
			upgraded, err := open(t.Context(), withMigrations(t, dsn,
				e.text(dsn, "CREATE TABLE ~two (n INTEGER); INSERT INTO ~two VALUES (2)"), e.text(dsn, "INSERT INTO ~two VALUES (3)")), settings{log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if upgraded.Epoch() != epoch {
				t.Errorf("the epoch was %s and is %s: an upgrade goes on with the history", epoch, upgraded.Epoch())
			}
			if err := upgraded.Close(); err != nil {
				t.Fatal(err)
			}
		}
		db := e.raw(t, dsn)
		if got := queryText(t, db, e.text(dsn, "SELECT MIN(n) * 100 + MAX(n) * 10 + COUNT(*) FROM ~two")); got != "232" {
			t.Errorf("the migrations inserted something else than 2 and 3: %s", got)
		}
		want := fmt.Sprint(released + 2)
		if got := queryText(t, db, e.text(dsn, "SELECT value FROM ~sync_meta WHERE name = 'schema_version'")); got != want {
			t.Errorf("schema_version is %s, want %s", got, want)
		}
	})
}

func TestFailedMigrationIsRolledBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		released := len(openDSN(t, dsn).dialect.Schema().Migrations)
		d := withMigrations(t, dsn, e.text(dsn, "CREATE TABLE ~half (n INTEGER); INSERT INTO ~absent VALUES (1)"))
		defer d.Close()
		want := fmt.Sprint("to version ", released+1)
		if _, err := open(t.Context(), d, settings{log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got error %v, want one that names the version", err)
		}
		// What follows it could not do if the first half were there.
		mustExec(t, e.raw(t, dsn), e.text(dsn, "CREATE TABLE ~half (n INTEGER)"))
		openDSN(t, dsn)
	})
}

func TestOpenRejectsTablesWithoutEpoch(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		openDSN(t, dsn).Close()
		mustExec(t, e.raw(t, dsn), e.text(dsn, "DELETE FROM ~sync_meta WHERE name = 'epoch'"))
		if _, err := Open(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "no epoch") {
			t.Fatalf("got error %v, want one that says what is missing", err)
		}
	})
}

func TestPingDetectsAnotherHistory(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		if err := store.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustExec(t, e.raw(t, dsn), e.text(dsn, "UPDATE ~sync_meta SET value = 'another' WHERE name = 'epoch'"))
		if err := store.Ping(t.Context()); !errors.Is(err, core.ErrHistoryChanged) {
			t.Fatalf("of a database with another epoch: %v", err)
		}
	})
}

// withMigrations is the dialect of a later version of this program.
func withMigrations(t testing.TB, dsn string, more ...string) dialect.Dialect {
	t.Helper()
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &laterDialect{d, more}
}

type laterDialect struct {
	dialect.Dialect
	more []string
}

func (d *laterDialect) Schema() *dialect.Schema {
	s := *d.Dialect.Schema()
	s.Migrations = append(s.Migrations[:len(s.Migrations):len(s.Migrations)], d.more...)
	return &s
}

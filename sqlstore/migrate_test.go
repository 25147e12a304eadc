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
		mustExec(t, e.raw(t, dsn), e.text(dsn, "UPDATE ~sync_meta SET value = '999' WHERE name = 'schema_version'"))

		_, err := Open(t.Context(), dsn)
		if err == nil || !strings.Contains(err.Error(), "version 999") || !strings.Contains(err.Error(), "use a newer program") {
			t.Fatalf("got error %v, want one that says what to do", err)
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

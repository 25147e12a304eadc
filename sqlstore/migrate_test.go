package sqlstore

import (
	"fmt"
	"strings"
	"testing"
)

func TestANewDatabaseGetsTheNewestSchema(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	want := fmt.Sprint(len(store.dialect.schema().migrations))
	db := rawFile(t, file)
	if got := queryText(t, db, "SELECT value FROM sync_meta WHERE name = 'schema_version'"); got != want {
		t.Errorf("schema_version is %s, want %s", got, want)
	}
	if got := queryText(t, db, "SELECT value FROM sync_meta WHERE name = 'epoch'"); got != store.Epoch() {
		t.Errorf("epoch is %s, want %s", got, store.Epoch())
	}
}

func TestTablesOfANewerVersionAreRefused(t *testing.T) {
	file := newFile(t)
	openFile(t, file).Close()
	mustExec(t, rawFile(t, file), "UPDATE sync_meta SET value = '999' WHERE name = 'schema_version'")

	_, err := Open(t.Context(), "sqlite:"+file)
	if err == nil || !strings.Contains(err.Error(), "version 999") || !strings.Contains(err.Error(), "use a newer program") {
		t.Fatalf("got error %v, want one that says what to do", err)
	}
}

func TestAnUpgradeRunsEachMissingMigrationOnce(t *testing.T) {
	file := newFile(t)
	first := openFile(t, file)
	epoch := first.Epoch()
	first.Close()

	for range 2 {
		d, err := newSQLite(file)
		if err != nil {
			t.Fatal(err)
		}
		d.tables.migrations = append(d.tables.migrations,
			"CREATE TABLE two (n INTEGER); INSERT INTO two VALUES (2)", "INSERT INTO two VALUES (3)")
		upgraded, err := open(t.Context(), d)
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
	db := rawFile(t, file)
	if got := queryText(t, db, "SELECT group_concat(n) FROM two"); got != "2,3" {
		t.Errorf("the migrations inserted %s, want 2,3", got)
	}
	if got := queryText(t, db, "SELECT value FROM sync_meta WHERE name = 'schema_version'"); got != "3" {
		t.Errorf("schema_version is %s, want 3", got)
	}
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	file := newFile(t)
	openFile(t, file).Close()
	d, err := newSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	d.tables.migrations = append(d.tables.migrations, "CREATE TABLE half (n INTEGER); INSERT INTO absent VALUES (1)")
	if _, err := open(t.Context(), d); err == nil || !strings.Contains(err.Error(), "to version 2") {
		t.Fatalf("got error %v, want one that names the version", err)
	}
	if got := queryText(t, rawFile(t, file), "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'"); got != "0" {
		t.Error("the first half of the migration is there")
	}
	openFile(t, file) // as before
}

func TestTablesWithoutAnEpochAreRefused(t *testing.T) {
	file := newFile(t)
	openFile(t, file).Close()
	mustExec(t, rawFile(t, file), "DELETE FROM sync_meta WHERE name = 'epoch'")
	if _, err := Open(t.Context(), "sqlite:"+file); err == nil || !strings.Contains(err.Error(), "no epoch") {
		t.Fatalf("got error %v, want one that says what is missing", err)
	}
}

func TestPingNoticesADatabaseWithAnotherHistory(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustExec(t, rawFile(t, file), "UPDATE sync_meta SET value = 'another' WHERE name = 'epoch'")
	if err := store.Ping(t.Context()); err == nil {
		t.Fatal("a database with another epoch is well")
	}
}

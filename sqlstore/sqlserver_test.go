package sqlstore

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/storetest"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestSQLServer(t *testing.T) {
	dsn := dbtest.SQLServer(t) // one for all, because making tables is slow
	storetest.Run(t, func(t *testing.T) core.Store { return openDSN(t, dsn) })
}

func TestSQLServerIsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (core.Store, error) {
		dsn := dbtest.SQLServer(t)
		return func() (core.Store, error) { return Open(t.Context(), dsn) }
	})
}

func TestASchemaThatIsNotThereIsMade(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	dbtest.ExecSQLServer(t, dsn, "DROP SCHEMA [$(schema)]")
	appendHistory(t, openDSN(t, dsn), "room", 1, 1)
	dbtest.ExecSQLServer(t, dsn, "DELETE FROM [$(schema)].sync_change_log") // there it is, under its name
}

// Where the database keeps no versions of rows, reads are serializable.
func TestReadsOfADatabaseWithoutVersionsAreSerializable(t *testing.T) {
	d, err := newDialect("sqlserver://user:password@localhost?database=d", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for versions, want := range map[bool]string{true: "SELECT ", false: "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT "} {
		if err := d.(*sqlServer).adapt(versions, 0); err != nil {
			t.Fatal(err)
		}
		texts, err := buildTexts(d.placeholders(), d.schema().idiom)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{texts.log, texts.findBatch, texts.lastClientSeq, texts.documents} {
			if !strings.HasPrefix(text, want) {
				t.Errorf("versions=%v: got %.80s, want %s", versions, text, want)
			}
		}
	}
	if err := d.(*sqlServer).adapt(true, sqlServerDelayedDurabilityForced); err == nil {
		t.Error("a database that answers commits before they are on the disk is used")
	}
}

// With a filtered index, every INSERT, UPDATE and DELETE under QUOTED_IDENTIFIER OFF fails: sqlcmd's and SQL Server
// Agent's default.
func TestNoFilteredIndexIsLeft(t *testing.T) {
	migrations, err := readMigrations("sqlserver")
	if err != nil {
		t.Fatal(err)
	}
	create := regexp.MustCompile(`(?s)CREATE(?: UNIQUE)?(?: CLUSTERED)? INDEX (\w+)\s+ON [^;]*;`)
	filtered := map[string]bool{}
	for _, migration := range migrations {
		for _, dropped := range regexp.MustCompile(`DROP INDEX (\w+)`).FindAllStringSubmatch(migration, -1) {
			delete(filtered, dropped[1])
		}
		for _, index := range create.FindAllStringSubmatch(migration, -1) {
			if strings.Contains(index[0], "WHERE") {
				filtered[index[1]] = true
			}
		}
	}
	if len(filtered) > 0 {
		t.Errorf("filtered indexes: %v", filtered)
	}
	dsn := dbtest.SQLServer(t)
	appendHistory(t, openDSN(t, dsn), "room", 1, 2)
	dbtest.ExecSQLServer(t, dsn, "SET QUOTED_IDENTIFIER OFF; DELETE FROM $(schema).sync_change_log WHERE server_seq = 2; UPDATE $(schema).sync_change_log SET client_id = N'x'")
}

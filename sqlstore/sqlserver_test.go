package sqlstore

import (
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

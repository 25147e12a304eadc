package sqlstore

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// serializable is a database without READ_COMMITTED_SNAPSHOT, to the reads.
type serializable struct{ *sqlServer }

func (d serializable) start(ctx context.Context) error {
	d.tables.idiom.prelude = sqlServerSerializable
	return d.sqlServer.start(ctx)
}

// Without READ_COMMITTED_SNAPSHOT, as on premises unless it is turned on, all reads are serializable.
func TestSQLServerWithSerializableReads(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	storetest.Run(t, func(t *testing.T) core.Store {
		d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		store, err := open(t.Context(), serializable{d.(*sqlServer)}, settings{log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(store.dialect.schema().idiom.prelude, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE") {
			t.Fatal("reads are not serializable")
		}
		return store
	})
}

func TestEveryReadAsksWhetherRowsHaveVersions(t *testing.T) {
	d, err := newDialect("sqlserver://user:password@localhost?database=d", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	texts, err := buildTexts(d.placeholders(), d.schema().idiom)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{texts.log, texts.findBatch, texts.lastClientSeq, texts.documents} {
		if !strings.HasPrefix(text, "IF EXISTS (") || !strings.Contains(text, "is_read_committed_snapshot_on = 0) SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT ") {
			t.Errorf("got %.200s", text)
		}
	}
}

func TestDelayedDurabilityIsNoticedWhileTheServerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		setting, asked := 0, 0
		check := durabilityCheck{setting: func(context.Context) (int, error) { asked++; return setting, nil }}
		steps := []struct {
			after   time.Duration
			setting int
			refused bool
		}{{0, 0, false}, {time.Second, 2, false}, {durabilityEvery, 2, true}, {0, 2, true}, {0, 1, false}, {durabilityEvery, 1, false}}
		for i, step := range steps {
			time.Sleep(step.after)
			setting = step.setting
			if err := check.recheck(t.Context()); (err != nil) != step.refused {
				t.Errorf("step %d: %v", i, err)
			}
		}
		if asked > len(steps)-1 {
			t.Errorf("the database was asked %d times", asked)
		}
	})
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

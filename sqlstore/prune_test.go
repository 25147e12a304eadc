package sqlstore

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

// A takeover leaves the predecessor's operations in the log, with negative op_index: an audit trail that no retention
// removes, however many they are.
func TestPruningKeepsPredecessorRows(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		db := e.raw(t, dsn)
		const rows = 300
		insertPredecessorRows(t, e, dsn, db, rows)
		taken := core.Document{Room: "room", Key: "default", ServerSeq: rows, State: "{}"} // which a takeover brings along
		if err := store.SaveDocuments(t.Context(), []core.Document{taken}); err != nil {
			t.Fatal(err)
		}
		for seq := int64(rows + 1); seq <= rows+6; seq++ {
			if err := store.Append(t.Context(), []*core.Batch{{Room: "room", Key: "default", ClientID: "ann", ClientSeq: seq, ServerSeq: seq,
				ServerTs: time.Now().UnixMilli(), Ops: []core.LoggedOp{{Kind: "set", Path: "n", Value: "1", Index: -1}}}}); err != nil {
				t.Fatal(err)
			}
		}
		oldest, err := store.Oldest(t.Context(), "room", 0, core.Bounds{Rows: 2, Bytes: 1 << 20})
		if err != nil || len(oldest) != 2 || oldest[0].ServerSeq != rows+1 {
			t.Fatalf("the oldest batches are %v, %v", oldest, err)
		}
		if err := store.Prune(t.Context(), "room", 0, rows+1000); err != nil {
			t.Fatal(err)
		}
		count := func(where string) string {
			return queryColumn(t, db, e.text(dsn, "SELECT COUNT(*) FROM ~sync_change_log WHERE "+where))
		}
		if got := count("op_index < 0"); got != fmt.Sprint(rows) {
			t.Errorf("%s of the predecessor's %d rows are left", got, rows)
		}
		if got := count("op_index >= 0"); got != "1" { // the last batch
			t.Errorf("%s rows of batches are left", got)
		}
	})
}

func insertPredecessorRows(t *testing.T, e engine, dsn string, db *sql.DB, rows int) {
	t.Helper()
	ts := map[string]string{"SQLite": "0", "PostgreSQL": "now()", "SQLServer": "SYSUTCDATETIME()"}[e.name]
	for seq := 1; seq <= rows; seq++ {
		mustExec(t, db, e.text(dsn, fmt.Sprintf(`INSERT INTO ~sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts, op_index)
			VALUES ('room', 'default', 'n', 'set', '1', 'ann', %d, %s, -1)`, seq, ts)))
	}
}

package sqlstore

import (
	"strings"
	"testing"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// Opening a room reads neither its log from the beginning nor other rooms' rows, and sorts nothing. So it is, too, before
// the server has gathered statistics.
func TestEveryReadOfPostgresIsAnIndexSearch(t *testing.T) {
	dsn := dbtest.Postgres(t)
	store := openDSN(t, dsn)
	mustExec(t, store.dialect.Writer(), "ALTER TABLE sync_change_log SET (autovacuum_enabled = off)")
	var load dbtest.Workload
	if err := store.Append(t.Context(), load.Group(20_000)); err != nil {
		t.Fatal(err)
	}
	mustExec(t, store.dialect.Writer(), `INSERT INTO sync_documents (room, store_key, state, server_seq)
		SELECT 'board-' || n / 3, n::text, '1', 1 FROM generate_series(1, 9000) AS n`)

	db := store.dialect.Reader() // its connections have the settings that the plans depend on
	db.SetMaxOpenConns(1)        // and the statements that are prepared below
	texts, err := dialect.BuildTexts(squirrel.Dollar, store.dialect.Schema().Syntax)
	if err != nil {
		t.Fatal(err)
	}
	own := store.dialect.Statements()
	tests := []struct {
		name, text, parameters string
		want                   []string
	}{
		{"log", own["log chunk"], "'board-7', 150, 2147483647, 2000, 4194304", []string{
			"Index Scan using sync_change_log_order",
			"Index Cond: (((room)::text = $1) AND (ROW(server_seq, op_index) > ROW($2, $3)))",
		}},
		{"find_batch", texts.FindBatch, "'board-7', 'board-7', '3f0c6c3e-7a8a-4c1e-9d0b-000000000008', 8", []string{
			"Index Scan using sync_change_log_order", "AND (server_seq = ",
			"Index Only Scan using sync_change_log_client",
			"Index Cond: ((room = $2) AND (client_id = $3) AND (client_seq = $4))",
		}},
		{"last_client_seq", texts.LastClientSeq, "'board-7', '3f0c6c3e-7a8a-4c1e-9d0b-000000000008'", []string{
			"Index Only Scan using sync_change_log_client", "Index Cond: ((room = $1) AND (client_id = $2)",
		}},
		{"check_append", own["check append"], "'epoch', ARRAY['board-7', 'board-8'], ARRAY[7, 8], ARRAY[200, 201]", []string{
			"Index Only Scan Backward using sync_change_log_order", "AND (server_seq >= (span.first - 1)) AND", "sync_documents_pkey",
		}},
		{"check_saved", own["check saved"], "'epoch', ARRAY['board-7', 'board-8'], ARRAY[7, 8]", []string{
			"Index Only Scan Backward using sync_change_log_order",
		}},
		{"documents", texts.Documents, "'board-7'", []string{"sync_documents_pkey", "Index Cond: ((room)::text = $1)"}},
		{"checkpoint", texts.Checkpoint, "'board-7', 'board-7', 'board-7'", []string{"sync_checkpoints", "sync_documents_pkey"}},
		{"room_after", texts.RoomAfter, "'board-7', 'board-7'", []string{
			"Index Only Scan using sync_change_log_order", "Index Cond: ((room IS NOT NULL) AND (room > $1))",
			"Index Only Scan using sync_documents_pkey", "Index Cond: ((room IS NOT NULL) AND (room > $2))",
		}},
		{"oldest", texts.Oldest, "'board-7', 150, 100", []string{
			"Index Scan using sync_change_log_order", "Index Cond: (((room)::text = $1) AND (server_seq > $2) AND (op_index >= 0))",
		}},
		{"tail", own["tail"], "5, 'board-7', 3, 9000, ARRAY[100, 200], ARRAY[120, 200], 5000", []string{
			"Index Scan using sync_change_log_id", "Index Cond: (id >= $4)", "Index Cond: ((id >= gap.first) AND (id <= gap.last))",
			"Index Scan using sync_change_log_order",
		}},
		{"last_id", own["last id"], "", []string{"Index Only Scan Backward using sync_change_log_id"}},
		{"prune", texts.Prune, "'board-7', 150, 250, 'board-7', 'epoch'", []string{
			"Index Scan using sync_change_log_order", "AND (server_seq > $2) AND (server_seq <= $3)", "Backward",
		}},
	}
	for _, test := range tests {
		mustExec(t, db, "PREPARE "+test.name+" AS "+test.text)
	}
	for _, statistics := range []string{"unknown", "known"} {
		if statistics == "known" {
			mustExec(t, db, "ANALYZE sync_change_log, sync_documents")
		}
		for _, test := range tests {
			t.Run(statistics+"/"+test.name, func(t *testing.T) {
				plan := queryColumn(t, db, "EXPLAIN (COSTS OFF) EXECUTE "+test.name+strings.TrimSuffix("("+test.parameters+")", "()"))
				plan = strings.ReplaceAll(plan, "Seq Scan on sync_meta", "")   // which has three rows
				sorts := strings.Contains(plan, "Sort") && test.name != "tail" // which sorts the rows of gaps, and the result
				if strings.Contains(plan, "Seq Scan") || sorts {
					t.Errorf("it scans or sorts:\n%s", plan)
				}
				if statistics == "unknown" { // of two indexes that serve, it may take the worse while a table is small
					return
				}
				for _, want := range test.want {
					if !strings.Contains(plan, want) {
						t.Errorf("want %s, got\n%s", want, plan)
					}
				}
			})
		}
	}
}

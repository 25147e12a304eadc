package sqlstore

import (
	"strings"
	"testing"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

func TestEveryReadIsAnIndexSearch(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	db := rawFile(t, file)
	texts, err := dialect.BuildTexts(squirrel.Question, store.dialect.Schema().Syntax)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		args       []any
		want       []string
	}{
		{"log", texts.Log, []any{"room", 5},
			[]string{"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq>?)"}},
		{"findBatch", texts.FindBatch, []any{"room", "room", "client", 5}, []string{
			"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq=? AND op_index>?)",
			"SEARCH sync_change_log USING INDEX sync_change_log_client (room=? AND client_id=? AND client_seq=?)",
			"SEARCH sync_change_log USING INDEX sync_change_log_client (room=? AND client_id=? AND client_seq>? AND client_seq<?)",
			"SEARCH l USING INDEX sync_change_log_order (room=? AND server_seq=? AND op_index=?)",
		}},
		{"lastClientSeq", texts.LastClientSeq, []any{"room", "client"},
			[]string{
				"SEARCH sync_change_log USING INDEX sync_change_log_client (room=? AND client_id=? AND client_seq>?)",
				"SEARCH l USING INDEX sync_change_log_order (room=? AND server_seq=? AND op_index=?)",
			}},
		{"documents", texts.Documents, []any{"room"},
			[]string{"SEARCH sync_documents USING INDEX sqlite_autoindex_sync_documents_1 (room=?)"}},
		{"checkpoint", texts.Checkpoint, []any{"room", "room", "room"},
			[]string{"SEARCH sync_checkpoints USING PRIMARY KEY (room=?)", "SEARCH sync_documents USING INDEX sqlite_autoindex_sync_documents_1 (room=?)"}},
		{"nextRoom", texts.NextRoom, []any{"room"},
			[]string{"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room>?)"}},
		{"roomAfter", texts.RoomAfter, []any{"room", "room"}, []string{
			"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room>?)",
			"SEARCH sync_documents USING COVERING INDEX sqlite_autoindex_sync_documents_1 (room>?)",
			"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq=? AND op_index>?)",
			"SEARCH sync_documents USING INDEX sqlite_autoindex_sync_documents_1 (room=?)",
		}},
		{"oldest", texts.Oldest, []any{"room", 5, 100},
			[]string{"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq>?)"}},
		{"head", texts.Head, []any{"room"},
			[]string{"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room=?)"}},
		{"prune", texts.Prune, []any{"room", 5, 9, "room", "epoch"}, []string{
			"SEARCH sync_change_log USING", "INDEX sync_change_log_order (room=? AND server_seq>? AND server_seq<?)",
			"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room=?)",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+test.text, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var plan []string
			for rows.Next() {
				var id, parent, unused int
				var step string
				if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
					t.Fatal(err)
				}
				if step != "SCAN CONSTANT ROW" { // of a SELECT without a table
					plan = append(plan, step)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			all := strings.Join(plan, "\n")
			all = strings.NewReplacer("SCAN near", "", "SCAN (subquery-1)", "", "SCAN r\n", "").Replace(all) // of 64 numbers, and of one row
			if strings.Contains(all, "SCAN") || strings.Contains(all, "TEMP B-TREE") {
				t.Errorf("it scans or sorts:\n%s", all)
			}
			for _, want := range test.want {
				if !strings.Contains(all, want) {
					t.Errorf("want %s, got\n%s", want, all)
				}
			}
		})
	}
}

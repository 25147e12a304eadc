package sqlstore

import (
	"strings"
	"testing"

	"github.com/Masterminds/squirrel"
)

func TestEveryReadIsAnIndexSearch(t *testing.T) {
	file := newFile(t)
	openFile(t, file)
	db := rawFile(t, file)
	texts, err := buildTexts(squirrel.Question, sqliteIdiom)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		args       []any
		want       []string
	}{
		{"log", texts.log, []any{"room", 5},
			[]string{"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq>?)"}},
		{"findBatch", texts.findBatch, []any{"room", "room", "client", 5}, []string{
			"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq=? AND op_index>?)",
			"SEARCH sync_change_log USING COVERING INDEX sync_change_log_client (room=? AND client_id=? AND client_seq=?)",
		}},
		{"lastClientSeq", texts.lastClientSeq, []any{"room", "client"},
			[]string{"SEARCH sync_change_log USING COVERING INDEX sync_change_log_client (room=? AND client_id=? AND client_seq>?)"}},
		{"documents", texts.documents, []any{"room"},
			[]string{"SEARCH sync_documents USING INDEX sqlite_autoindex_sync_documents_1 (room=?)"}},
		{"checkpoint", texts.checkpoint, []any{"room", "room", "room"},
			[]string{"SEARCH sync_checkpoints USING PRIMARY KEY (room=?)", "SEARCH sync_documents USING INDEX sqlite_autoindex_sync_documents_1 (room=?)"}},
		{"nextRoom", texts.nextRoom, []any{"room"},
			[]string{"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room>?)"}},
		{"oldest", texts.oldest, []any{"room", 5, 100},
			[]string{"SEARCH sync_change_log USING INDEX sync_change_log_order (room=? AND server_seq>?)"}},
		{"head", texts.head, []any{"room"},
			[]string{"SEARCH sync_change_log USING COVERING INDEX sync_change_log_order (room=?)"}},
		{"prune", texts.prune, []any{"room", 5, 9, "room", "epoch"}, []string{
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

func TestStatementsTakeTheDialectsPlaceholders(t *testing.T) {
	texts, err := buildTexts(squirrel.AtP, idiom{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "SELECT store_key, client_id, client_seq, server_seq, server_ts, op, path, value, array_index, discarded, user_id " +
		"FROM sync_change_log WHERE op_index >= 0 AND room = @p1 AND server_seq = ( SELECT MIN(server_seq) FROM sync_change_log " +
		"WHERE op_index = 0 AND room = @p2 AND client_id = @p3 AND client_seq = @p4 ) ORDER BY op_index"
	if texts.findBatch != want {
		t.Errorf("got  %s\nwant %s", texts.findBatch, want)
	}
}

func TestStatementsTakeTheDialectsIdiom(t *testing.T) {
	texts, err := buildTexts(squirrel.AtP, idiom{tables: "mine.", prelude: "SET x; ", text: "CAST(? AS y)"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "SET x; SELECT store_key, server_seq, state FROM mine.sync_documents WHERE room = CAST(@p1 AS y)"
	if texts.documents != want {
		t.Errorf("got  %s\nwant %s", texts.documents, want)
	}
}

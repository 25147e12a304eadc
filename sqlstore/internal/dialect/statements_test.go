package dialect

import (
	"testing"

	"github.com/Masterminds/squirrel"
)

func TestStatementsUsePlaceholders(t *testing.T) {
	texts, err := BuildTexts(squirrel.AtP, Syntax{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "SELECT store_key, client_id, client_seq, server_seq, server_ts, op, path, value, array_index, discarded, user_id " +
		"FROM sync_change_log WHERE op_index >= 0 AND room = @p1 AND server_seq = ( SELECT MIN(server_seq) FROM sync_change_log " +
		"WHERE op_index = 0 AND room = @p2 AND client_id = @p3 AND client_seq = @p4 ) ORDER BY op_index"
	if texts.FindBatch != want {
		t.Errorf("got  %s\nwant %s", texts.FindBatch, want)
	}
}

func TestStatementsUseSyntax(t *testing.T) {
	texts, err := BuildTexts(squirrel.AtP, Syntax{Tables: "mine.", Prelude: "SET x; ", Text: "CAST(? AS y)"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "SET x; SELECT store_key, server_seq, state FROM mine.sync_documents WHERE room = CAST(@p1 AS y)"
	if texts.Documents != want {
		t.Errorf("got  %s\nwant %s", texts.Documents, want)
	}
}

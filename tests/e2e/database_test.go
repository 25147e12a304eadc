package e2e

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/pathsync/pathsync/core/tree"
)

// loggedBatch is a batch in the log.
type loggedBatch struct {
	key, clientID       string
	clientSeq, serverTs int64
	ops                 []loggedOp
}

type loggedOp struct {
	kind        tree.Kind
	path, value string
	index       int
	discarded   tree.Reason
}

// openDatabase opens the file of a server that is not running, as any other program would.
func openDatabase(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// copyDatabase copies a database after a crash, with its write-ahead log. The tests read the copy, so that the server
// itself recovers the original.
func copyDatabase(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(file + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue // an orderly shutdown leaves only the database file
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "copy.db"+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "copy.db")
}

// readLogs reads the log of each room and expects neither gaps nor duplicates.
func readLogs(t *testing.T, file string) map[string][]loggedBatch {
	t.Helper()
	rows, err := openDatabase(t, copyDatabase(t, file)).QueryContext(t.Context(), `
		SELECT room, server_seq, op_index, store_key, client_id, client_seq, server_ts,
		       op, path, coalesce(value, ''), coalesce(array_index, -1), coalesce(discarded, '')
		FROM sync_change_log ORDER BY room, server_seq, op_index`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	logs := map[string][]loggedBatch{}
	for rows.Next() {
		var (
			room             string
			serverSeq, index int
			b                loggedBatch
			o                loggedOp
		)
		if err := rows.Scan(&room, &serverSeq, &index, &b.key, &b.clientID, &b.clientSeq, &b.serverTs,
			&o.kind, &o.path, &o.value, &o.index, &o.discarded); err != nil {
			t.Fatal(err)
		}
		if index == 0 {
			logs[room] = append(logs[room], b)
		}
		log := logs[room]
		if serverSeq != len(log) || index != len(log[len(log)-1].ops) {
			t.Fatalf("the log has op %d of batch %d in the place of op %d of batch %d", index, serverSeq,
				len(log[len(log)-1].ops), len(log))
		}
		last := &log[len(log)-1]
		last.ops = append(last.ops, o)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return logs
}

// readDocuments reads the document rows of each room.
func readDocuments(t *testing.T, file string) map[string]map[string]string {
	t.Helper()
	rows, err := openDatabase(t, file).QueryContext(t.Context(), `SELECT room, store_key, state FROM sync_documents`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	documents := map[string]map[string]string{}
	for rows.Next() {
		var room, key, state string
		if err := rows.Scan(&room, &key, &state); err != nil {
			t.Fatal(err)
		}
		if documents[room] == nil {
			documents[room] = map[string]string{}
		}
		documents[room][key] = state
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return documents
}

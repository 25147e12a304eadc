package sqlstore

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// predecessorTables are the statements with which nuxt-synced-pinia-store 0.1.1 creates its tables.
var predecessorTables = []string{
	`CREATE TABLE $(schema).sync_documents (
        room        NVARCHAR(255)   NOT NULL,
        store_key   NVARCHAR(255)   NOT NULL,
        state       NVARCHAR(MAX)   NOT NULL,
        server_seq  BIGINT          NOT NULL,
        updated_at  DATETIME2       NOT NULL DEFAULT SYSUTCDATETIME(),
        CONSTRAINT PK_sync_documents PRIMARY KEY (room, store_key)
      )`,
	`CREATE TABLE $(schema).sync_change_log (
        id          BIGINT IDENTITY(1,1) PRIMARY KEY,
        room        NVARCHAR(255)   NOT NULL,
        store_key   NVARCHAR(255)   NOT NULL,
        path        NVARCHAR(1000)  NOT NULL,
        op          NVARCHAR(10)    NOT NULL,
        value       NVARCHAR(MAX)   NULL,
        client_id   NVARCHAR(100)   NOT NULL,
        server_seq  BIGINT          NOT NULL,
        server_ts   DATETIME2       NOT NULL DEFAULT SYSUTCDATETIME()
      )`,
	`CREATE INDEX IX_change_log_room_seq ON $(schema).sync_change_log (room, server_seq)`,
}

// predecessorRows are rows as nuxt-synced-pinia-store writes them. It numbers operations across all rooms, and a document's
// row has the number of its last operation. Special cases:
//   - board-1: two servers used one number twice
//   - without-document: the document row was deleted
//   - without-log: the log rows were deleted
//   - restored: the document was restored from a backup, and the log has newer rows
var predecessorRows = []string{
	`INSERT INTO $(schema).sync_documents (room, store_key, state, server_seq, updated_at) VALUES
		(N'board-1', N'default', N'{"title":"Plän 😀","tasks":[{"_sync_id":"a","n":1.0}]}', 2, '2025-03-01T12:00:00.123'),
		(N'board-1', N'settings', N'{"dark":true}', 7, '2025-03-01T12:00:01'),
		(N'restored', N'default', N'{"n":1}', 8, '2025-03-01T12:00:02'),
		(N'restored', N'other', N'{"n":2}', 3, '2025-03-01T12:00:02'),
		(N'without-log', N'default', N'[1,"two"]', 5, '2025-03-01T12:00:03'),
		(N'never-written', N'default', N'{}', 0, '2025-03-01T12:00:04')`,
	`INSERT INTO $(schema).sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts) VALUES
		(N'board-1', N'default', N'title', N'set', N'"Plän 😀"', N'ann', 1, '2025-03-01T12:00:00.1'),
		(N'board-1', N'default', N'tasks', N'array_add', N'{"_sync_id":"a","n":1.0}', N'ann', 2, '2025-03-01T12:00:00.2'),
		(N'board-1', N'default', N'tasks[b]', N'array_del', NULL, N'bob', 2, '2025-03-01T12:00:00.3'),
		(N'board-1', N'settings', N'dark', N'set', N'true', N'bob', 7, '2025-03-01T12:00:01'),
		(N'Board-1', N'default', N'x', N'set', N'1', N'bob', 7, '2025-03-01T12:00:01'),
		(N'restored', N'default', N'n', N'set', N'9', N'ann', 19, '2025-03-01T12:00:02'),
		(N'without-document', N'default', N'n', N'set', N'1', N'ann', 21, '2025-03-01T12:00:02')`,
}

func TestTakeoverOfPredecessorDatabase(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	dbtest.ExecSQLServer(t, dsn, append(predecessorTables, predecessorRows...)...)
	store := openDSN(t, dsn)

	t.Run("each document is taken over, and its room has the highest number", func(t *testing.T) {
		wantDocuments(t, store, "board-1",
			core.Document{Key: "default", ServerSeq: 2, State: `{"title":"Plän 😀","tasks":[{"_sync_id":"a","n":1.0}]}`},
			core.Document{Key: "settings", ServerSeq: 7, State: `{"dark":true}`})
		wantDocuments(t, store, "restored",
			core.Document{Key: "default", ServerSeq: 19, State: `{"n":1}`},
			core.Document{Key: "other", ServerSeq: 19, State: `{"n":2}`})
		wantDocuments(t, store, "without-log", core.Document{Key: "default", ServerSeq: 5, State: `[1,"two"]`})
		wantDocuments(t, store, "never-written", core.Document{Key: "default", ServerSeq: 1, State: `{}`})
		wantDocuments(t, store, "Board-1")
	})
	t.Run("each row of the log is taken over, and none is replayed", func(t *testing.T) {
		db, schema := dbtest.OpenSQLServer(t, dsn)
		const rows = `SELECT CONCAT(id, N' ', room, N' ', store_key, N' ', path, N' ', op, N' ', value, N' ', client_id, N' ',
			server_seq, N' ', server_ts) FROM $(schema).`
		got := queryTexts(t, db, strings.ReplaceAll(rows+"sync_change_log WHERE op_index < 0 ORDER BY id", "$(schema)", schema))
		want := queryTexts(t, db, strings.ReplaceAll(rows+"sync_change_log_predecessor ORDER BY id", "$(schema)", schema))
		if len(want) != 7 || !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		for _, room := range []string{"board-1", "Board-1", "restored", "without-document"} {
			wantLogOf(t, store, room, 0)
		}
	})
	t.Run("rooms continue", func(t *testing.T) { wantRoomsContinue(t, store, 1) })
	epoch := store.Epoch()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("rooms continue after a restart", func(t *testing.T) {
		again := openDSN(t, dsn)
		if again.Epoch() != epoch {
			t.Errorf("the epoch was %s and is %s", epoch, again.Epoch())
		}
		wantRoomsContinue(t, again, 2)
	})
}

// wantRoomsContinue submits a batch to each room, the nth since the takeover.
func wantRoomsContinue(t *testing.T, store *Store, nth int64) {
	t.Helper()
	hub := newHub(t, store, time.Minute)
	for room, before := range map[string]int64{
		"board-1": 7, "restored": 19, "without-log": 5, "never-written": 1, "without-document": 0, "Board-1": 0, "new": 0,
	} {
		answer, err := openRoom(t, hub, room).Submit(t.Context(), setNumber("client", "n", nth))
		if err != nil || answer.Batch.ServerSeq != before+nth {
			t.Errorf("%s: got %+v, %v, want batch %d", room, answer.Batch, err, before+nth)
		}
	}
	wantLogOf(t, store, "board-1", int(nth))
}

func wantDocuments(t *testing.T, store *Store, room string, want ...core.Document) {
	t.Helper()
	got, err := store.Documents(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]core.Document{}
	for _, d := range got {
		byKey[d.Key] = d
	}
	for _, d := range want {
		d.Room = room
		if byKey[d.Key] != d {
			t.Errorf("got %+v, want %+v", byKey[d.Key], d)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s has %d documents, want %d", room, len(got), len(want))
	}
}

func queryTexts(t *testing.T, db *sql.DB, query string) (texts []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// The first rows of a log that was taken over are not part of the history. A reader that asks for them starts again.
func TestChangesBeforeTakeoverAreNotServed(t *testing.T) {
	file := newFile(t)
	openFile(t, file).Close()
	db := rawSQLite(t, "sqlite:"+file)
	mustExec(t, db, `INSERT INTO sync_documents (room, store_key, state, server_seq, updated_at) VALUES ('room', 'default', '{}', 4, 0)`)
	for seq := 1; seq <= 4; seq++ { // even if their numbers happen to have no gap
		mustExec(t, db, `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts, op_index)
			VALUES ('room', 'default', 'n', 'set', '1', 'ann', ?, 0, -1)`, seq)
	}
	store := openFile(t, file)
	api := httpapi.New(httpapi.Config{
		Hub: core.Config{Store: store}, Feeds: feed.Config{MaxBytes: 1 << 20, Heartbeat: time.Minute},
	})
	hub := api.Hub()
	t.Cleanup(func() { _ = hub.Close(context.WithoutCancel(t.Context())) })
	if _, err := openRoom(t, hub, "room").Submit(t.Context(), setNumber("client", "n", 1)); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[string]int{"0": http.StatusGone, "2": http.StatusGone, "4": http.StatusOK, "5": http.StatusOK} {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v1/rooms/room/changes?after="+store.Epoch()+"-"+after, nil))
		if answer.Code != want {
			t.Errorf("changes after %s: got %d %s, want %d", after, answer.Code, answer.Body, want)
		}
	}
}

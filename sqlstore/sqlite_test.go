package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/sqlite"
)

func TestSQLiteCommitIsSynced(t *testing.T) {
	writer := openFile(t, newFile(t)).dialect.Writer()
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2" /* FULL */, "wal_autocheckpoint": "0", "busy_timeout": "5000",
	} {
		if got := queryText(t, writer, "PRAGMA "+pragma); got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

// What a crash leaves is the files as they are, with no one to tidy them up.
func TestSQLiteAppendsSurviveCrash(t *testing.T) {
	for _, checkpointed := range []bool{false, true} {
		t.Run(fmt.Sprintf("checkpointed=%v", checkpointed), func(t *testing.T) {
			file := newFile(t)
			store, checkpoint := openUnattended(t, file)
			appendHistory(t, store, "room", 1, 50)
			if checkpointed {
				checkpoint()
			}
			appendHistory(t, store, "room", 51, 100)

			copied := newFile(t)
			copyFile(t, file, copied)
			copyFile(t, file+"-wal", copied+"-wal")
			survivor := openFile(t, copied)
			if survivor.Epoch() != store.Epoch() {
				t.Errorf("the epoch was %s and is %s", store.Epoch(), survivor.Epoch())
			}
			wantLogOf(t, survivor, "room", 100)
		})
	}
}

func TestCheckpointCopiesLogIntoFile(t *testing.T) {
	file := newFile(t)
	store, checkpoint := openUnattended(t, file)
	appendHistory(t, store, "room", 1, 50)
	checkpoint()
	copied := newFile(t)
	copyFile(t, file, copied) // and not the write-ahead log
	wantLogOf(t, openFile(t, copied), "room", 50)
}

func TestEachTickIsACheckpoint(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	ticks := make(chan time.Time)
	tickedBy(t, store, ticks)
	appendHistory(t, store, "room", 1, 50)
	ticks <- time.Time{}
	ticks <- time.Time{} // received when the checkpoint of the first has ended
	copied := newFile(t)
	copyFile(t, file, copied)
	wantLogOf(t, openFile(t, copied), "room", 50)
}

// A writer who never pauses is always some pages ahead of a checkpoint beside it.
func TestWriteAheadLogIsBoundedUnderConstantWrites(t *testing.T) {
	file := newFile(t)
	store, checkpoint := openUnattended(t, file)
	const appends = 300
	done := make(chan struct{})
	go func() {
		defer close(done)
		appendHistory(t, store, "room", 1, appends)
	}()
	for writing := true; writing; {
		select {
		case <-done:
			writing = false
		default:
			checkpoint()
		}
	}
	const total = appends * 3 * 4096 // a page of the table and one of each index, at least
	info, err := os.Stat(file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > total/3 {
		t.Errorf("of %d bytes that were written to it, it has kept %d", total, info.Size())
	}
}

func TestClosingLeavesOneFile(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	appendHistory(t, store, "room", 1, 10)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v, want the database alone", entries, err)
	}
}

func TestLockOfAnotherProcessIsAwaitedUntilDeadline(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	another := rawFile(t, file)
	mustExec(t, another, "BEGIN IMMEDIATE")

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := store.Append(ctx, []*core.Batch{oneOp("room", 1)})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got error %v, want the deadline", err)
	}
	wantLogOf(t, store, "room", 0) // reading goes on

	mustExec(t, another, "COMMIT")
	appendHistory(t, store, "room", 1, 1)
}

func TestLockTimeoutNamesWayOut(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	mustExec(t, store.dialect.Writer(), "PRAGMA busy_timeout = 1")
	mustExec(t, rawFile(t, file), "BEGIN IMMEDIATE")

	err := store.Append(t.Context(), []*core.Batch{oneOp("room", 1)})
	dbtest.WantOutage(t, err, "appending to the log", "another process has locked the database")
}

func TestFullDiskLosesNothingAndNamesWayOut(t *testing.T) {
	store, checkpoint := openUnattended(t, newFile(t))
	appendHistory(t, store, "room", 1, 3)
	pages := queryText(t, store.dialect.Writer(), "PRAGMA page_count")
	mustExec(t, store.dialect.Writer(), "PRAGMA max_page_count = "+pages)

	large := oneOp("room", 4)
	large.Ops[0].Value = `"` + strings.Repeat("x", 1<<20) + `"`
	err := store.Append(t.Context(), []*core.Batch{oneOp("elsewhere", 1), large})
	dbtest.WantOutage(t, err, "appending to the log", "the disk is full", "free space")
	checkpoint()
	wantLogOf(t, store, "room", 3)
	wantLogOf(t, store, "elsewhere", 0)

	mustExec(t, store.dialect.Writer(), "PRAGMA max_page_count = 1000000")
	if err := store.Append(t.Context(), []*core.Batch{large}); err != nil {
		t.Fatalf("with room on the disk: %v", err)
	}
}

func TestReadOnlyDatabaseNamesWayOut(t *testing.T) {
	store := openFile(t, newFile(t))
	mustExec(t, store.dialect.Writer(), "PRAGMA query_only = 1")
	err := store.Append(t.Context(), []*core.Batch{oneOp("room", 1)})
	dbtest.WantOutage(t, err, "appending to the log", "cannot be written", "change their permissions")
}

func TestSQLiteTriggerRejectsDocument(t *testing.T) {
	store := openFile(t, newFile(t))
	mustExec(t, store.dialect.Writer(), "CREATE TRIGGER t BEFORE INSERT ON sync_documents "+
		"BEGIN SELECT RAISE(ABORT, 'no more documents'); END")
	doc := core.Document{Room: "room", Key: "default", ServerSeq: 1, State: "1"}
	if err := store.SaveDocuments(t.Context(), []core.Document{doc}); !errors.Is(err, core.ErrRejected) {
		t.Fatalf("got error %v, want a rejection", err)
	}
}

func TestSQLiteTablesAreReadableInShell(t *testing.T) {
	file := newFile(t)
	store := openFile(t, file)
	b := oneOp("room", 1)
	b.ServerTs = 1_767_225_600_123
	if err := store.Append(t.Context(), []*core.Batch{b}); err != nil {
		t.Fatal(err)
	}
	doc := core.Document{Room: "room", Key: "default", ServerSeq: 1, State: "1"}
	if err := store.SaveDocuments(t.Context(), []core.Document{doc}); err != nil {
		t.Fatal(err)
	}
	db := rawFile(t, file)
	const row = "SELECT datetime(server_ts / 1000, 'unixepoch') || ' ' || concat_ws(' ', room, store_key, path, op, value) " +
		"FROM sync_change_log"
	if got, want := queryText(t, db, row), "2026-01-01 00:00:00 room default title set 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	age := queryText(t, db, "SELECT abs(unixepoch() - updated_at / 1000) < 60 FROM sync_documents")
	if age != "1" {
		t.Error("updated_at is not the time at which the row was written, in milliseconds")
	}
}

// openUnattended opens a database whose checkpoints happen only when the test says so.
func openUnattended(t testing.TB, file string) (store *Store, checkpoint func()) {
	t.Helper()
	store = openFile(t, file)
	c := tickedBy(t, store, nil)
	return store, func() { c.Checkpoint(t.Context()) }
}

// tickedBy exchanges a store's checkpointer for one with another clock.
func tickedBy(t testing.TB, store *Store, ticks <-chan time.Time) *sqlite.Checkpointer {
	d := store.dialect.(*sqlite.Dialect)
	d.Checkpointer.Close()
	d.Checkpointer = sqlite.NewCheckpointer(d.Reader(), d.Writer(), func() bool { return true })
	go d.Checkpointer.Run(t.Context(), ticks)
	return d.Checkpointer
}

func oneOp(room string, serverSeq int64) *core.Batch {
	return &core.Batch{
		Room: room, Key: "default", ClientID: "client", ClientSeq: serverSeq, ServerSeq: serverSeq, ServerTs: serverSeq,
		Ops: []core.LoggedOp{{Kind: tree.Set, Path: "title", Value: "1", Index: tree.NoIndex}},
	}
}

// appendHistory appends one batch at a time, as a quiet room does.
func appendHistory(t testing.TB, store *Store, room string, from, to int64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		if err := store.Append(t.Context(), []*core.Batch{oneOp(room, seq)}); err != nil {
			t.Errorf("appending batch %d: %v", seq, err)
			return
		}
	}
}

func wantLogOf(t testing.TB, store *Store, room string, want int) {
	t.Helper()
	batches, err := store.Log(t.Context(), room, 0, core.Page{Batches: 1 << 30, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if len(batches) != want {
		t.Fatalf("the log of %s has %d batches, want %d", room, len(batches), want)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}

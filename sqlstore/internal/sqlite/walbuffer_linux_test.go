package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"modernc.org/libc"
	code "modernc.org/sqlite/lib"
)

// openWriter opens a connection with the VFS. Its page cache is so small that large transactions write to the log early.
func openWriter(t *testing.T, file string) *sql.Conn {
	t.Helper()
	vfs, err := registerVFS()
	if err != nil {
		t.Fatal(err)
	}
	return openConn(t, file, vfs, "cache_size(10)")
}

func openConn(t *testing.T, file, vfs string, pragmas ...string) *sql.Conn {
	t.Helper()
	pool, err := OpenPool(file, vfs, "rwc", 1, append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)")...)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); pool.Close() })
	return conn
}

func exec(t *testing.T, conn *sql.Conn, query string, args ...any) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// insert adds rows that fill a page each.
func insert(t *testing.T, conn *sql.Conn, first, last int) {
	t.Helper()
	for id := first; id <= last; id++ {
		exec(t, conn, "INSERT INTO rows VALUES (?, ?)", id, strings.Repeat(fmt.Sprint(id%10), 3500))
	}
}

func wantRows(t *testing.T, conn *sql.Conn, want int) {
	t.Helper()
	var rows int
	var check string
	if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM rows WHERE length(text) = 3500").Scan(&rows); err != nil || rows != want {
		t.Errorf("got %d rows, %v, want %d", rows, err, want)
	}
	if err := conn.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
		t.Errorf("integrity check: %s, %v", check, err)
	}
}

const createRows = "CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)"

func TestTransactionLargerThanBufferIsComplete(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.db")
	writer, reader := openWriter(t, file), openConn(t, file, "")
	exec(t, writer, createRows)
	exec(t, writer, "BEGIN IMMEDIATE")
	insert(t, writer, 1, 200)
	wantRows(t, writer, 200) // its own changes, some of which are in the buffer
	wantRows(t, reader, 0)
	exec(t, writer, "SAVEPOINT part")
	insert(t, writer, 201, 250)
	exec(t, writer, "ROLLBACK TO part")
	insert(t, writer, 201, 210)
	exec(t, writer, "COMMIT")
	wantRows(t, reader, 210)
	wantRows(t, writer, 210)
}

func TestPagesOfRolledBackTransactionDoNotOverwriteAnotherProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.db")
	writer, other := openWriter(t, file), openConn(t, file, "")
	exec(t, writer, createRows)
	insert(t, writer, 1, 10)
	exec(t, writer, "PRAGMA wal_checkpoint") // so that ROLLBACK reads nothing from the log
	exec(t, writer, "BEGIN IMMEDIATE")
	insert(t, writer, 101, 125) // fewer pages than the buffer holds
	exec(t, writer, "ROLLBACK")

	insert(t, other, 11, 30)
	wantRows(t, writer, 30)
	insert(t, writer, 31, 40)
	wantRows(t, other, 40)
}

func TestTransactionWithFailedWriteCannotBeCommitted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.db")
	writer := openWriter(t, file)
	exec(t, writer, createRows)
	insert(t, writer, 1, 10)
	exec(t, writer, "BEGIN IMMEDIATE")
	insert(t, writer, 11, 35)
	unlimit := limitFiles(t, file+"-wal")
	// It reads pages that are in the buffer.
	if _, err := writer.ExecContext(t.Context(), "SELECT sum(length(text)) FROM rows"); err == nil {
		t.Error("a read of pages that cannot be written succeeded")
	}
	unlimit()
	if _, err := writer.ExecContext(context.Background(), "COMMIT"); err == nil {
		t.Error("a transaction without some of its pages was committed")
	}
	_, _ = writer.ExecContext(t.Context(), "ROLLBACK") // SQLite may have done it
	wantRows(t, writer, 10)
	insert(t, writer, 11, 20)
	wantRows(t, openConn(t, file, ""), 20)
}

// A full disk fails one write; a later one would succeed.
func TestTransactionWithFailedWriteFailsUntilItsEnd(t *testing.T) {
	if _, err := registerVFS(); err != nil {
		t.Fatal(err)
	}
	tls := libc.NewTLS()
	defer tls.Close()
	file := code.Xsqlite3_malloc(tls, int32(systemFileSize+unsafe.Sizeof(extra{})))
	page := code.Xsqlite3_malloc(tls, 4096)
	defer code.Xsqlite3_free(tls, file)
	defer code.Xsqlite3_free(tls, page)
	x := extraOf(file)
	*x = extra{}
	defer func() { code.Xsqlite3_free(tls, x.buffer.memory) }()
	x.system.FxSync, x.system.FxWrite = pointerTo(succeedingSync), pointerTo(failingWrite)

	if rc := writeWAL(tls, file, page, 4096, 0); rc != code.SQLITE_OK {
		t.Errorf("writing to the buffer: result code %d", rc)
	}
	if rc := syncWAL(tls, file, 0); rc != code.SQLITE_FULL {
		t.Errorf("syncing with a full disk: result code %d", rc)
	}
	x.system.FxWrite = pointerTo(succeedingWrite)
	if rc := writeWAL(tls, file, page, 4096, 4096); rc != code.SQLITE_FULL {
		t.Errorf("writing after a failure: result code %d", rc)
	}
	if rc := syncWAL(tls, file, 0); rc != code.SQLITE_FULL {
		t.Errorf("syncing after a failure: result code %d", rc)
	}
	x.buffer.discard()
	if rc := syncWAL(tls, file, 0); rc != code.SQLITE_OK {
		t.Errorf("syncing in the next transaction: result code %d", rc)
	}
}

func failingWrite(*libc.TLS, uintptr, uintptr, int32, int64) int32    { return code.SQLITE_FULL }
func succeedingWrite(*libc.TLS, uintptr, uintptr, int32, int64) int32 { return code.SQLITE_OK }
func succeedingSync(*libc.TLS, uintptr, int32) int32                  { return code.SQLITE_OK }

// limitFiles makes writes fail that would make a file longer than it is, as on a full disk, until the function is called.
func limitFiles(t *testing.T, file string) (unlimit func()) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	short := syscall.Rlimit{Cur: uint64(info.Size()) + 5000, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &short); err != nil {
		t.Fatal(err)
	}
	unlimit = func() {
		_ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		signal.Reset(syscall.SIGXFSZ)
	}
	t.Cleanup(unlimit)
	return unlimit
}

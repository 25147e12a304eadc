package sqlstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/sqlite"
)

// appended opens a database with the batches 1 to n of a room.
func appended(t *testing.T, file string, n int64) *Store {
	t.Helper()
	store := openFile(t, file)
	for seq := range n {
		mustAppendOp(t, store, seq+1)
	}
	return store
}

func mustAppendOp(t *testing.T, store core.Store, seq int64) {
	t.Helper()
	if err := store.Append(t.Context(), []*core.Batch{oneOp("room", seq)}); err != nil {
		t.Fatalf("appending batch %d: %v", seq, err)
	}
}

func appendOp(t *testing.T, store core.Store, seq int64) error {
	t.Helper()
	return store.Append(t.Context(), []*core.Batch{oneOp("room", seq)})
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantIs(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want one that wraps %q", what, err, want)
	}
}

func wantHeadOf(t *testing.T, store core.Store, want int64) {
	t.Helper()
	if head, err := store.Head(t.Context(), "room"); head != want || err != nil {
		t.Errorf("the log ends with %d, %v, want %d", head, err, want)
	}
}

// copyOf makes a copy of a database under another name, as a backup is made.
func copyOf(t *testing.T, store *Store) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "backup.db")
	if _, err := store.dialect.Writer().ExecContext(t.Context(), "VACUUM INTO ?", file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAppendToDeletedFileIsNotAcknowledged(t *testing.T) {
	file := newFile(t)
	store := appended(t, file, 3)
	away := filepath.Join(t.TempDir(), "elsewhere.db")
	mustDo(t, os.Rename(file, away))
	for range 2 {
		wantIs(t, "Append", appendOp(t, store, 4), core.ErrGone)
	}
	wantIs(t, "Ping", store.Ping(t.Context()), core.ErrGone)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made in its place: %v", err)
	}
	mustDo(t, os.Rename(away, file))
	mustDo(t, store.Ping(t.Context()))
	// What the first attempt wrote is there after all.
	wantIs(t, "the same append again", appendOp(t, store, 4), core.ErrConflict)
	mustAppendOp(t, store, 5)
	mustDo(t, os.Remove(file))
	wantIs(t, "after a deletion", appendOp(t, store, 6), core.ErrGone)
}

func TestRenamedDirectoryIsDetected(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	mustDo(t, os.Mkdir(dir, 0o700))
	store := appended(t, filepath.Join(dir, "rooms.db"), 1)
	mustDo(t, os.Rename(dir, dir+"2"))
	wantIs(t, "Append", appendOp(t, store, 2), core.ErrGone)
	mustDo(t, os.Rename(dir+"2", dir))
	wantIs(t, "the same append again", appendOp(t, store, 2), core.ErrConflict)
}

func TestRestoredOlderFileGetsNewEpoch(t *testing.T) {
	file := newFile(t)
	store := appended(t, file, 3)
	backup := copyOf(t, store)
	mustAppendOp(t, store, 4)
	mustDo(t, os.Rename(backup, file))

	wantIs(t, "Append", appendOp(t, store, 5), core.ErrHistoryChanged)
	wantIs(t, "Ping", store.Ping(t.Context()), core.ErrHistoryChanged)
	next, err := store.Reopen(t.Context(), false)
	mustDo(t, err)
	defer next.Close()
	if next.Epoch() == store.Epoch() {
		t.Error("the epoch is the same, although batch 4 is missing")
	}
	wantHeadOf(t, next, 3)
	mustAppendOp(t, next, 4)
	// The log of the file that was replaced is kept, and is not taken for the new one's.
	if kept, _ := filepath.Glob(file + "-wal.*"); len(kept) != 1 {
		t.Errorf("the write-ahead log of the replaced file was kept as %q", kept)
	}
	var ok string
	mustDo(t, next.(*Store).dialect.Reader().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&ok))
	if ok != "ok" {
		t.Errorf("integrity_check: %s", ok)
	}
}

func TestReplacedFileIsServedWithItsEpoch(t *testing.T) {
	file, other := newFile(t), newFile(t)
	store := appended(t, file, 3)
	second := appended(t, other, 9)
	epoch := second.Epoch()
	mustDo(t, second.Close())
	mustDo(t, os.Rename(other, file))
	wantIs(t, "Ping", store.Ping(t.Context()), core.ErrHistoryChanged)
	next, err := store.Reopen(t.Context(), false)
	mustDo(t, err)
	defer next.Close()
	if next.Epoch() != epoch {
		t.Errorf("the epoch is %s, want %s", next.Epoch(), epoch)
	}
	wantHeadOf(t, next, 9)
}

func TestReopenRejectsFileThatIsNotADatabase(t *testing.T) {
	for name, content := range map[string][]byte{"an empty file": nil, "a text": []byte("this is not a database, but it is long enough for one")} {
		t.Run(name, func(t *testing.T) {
			file, text := newFile(t), newFile(t)
			store := appended(t, file, 3)
			good := copyOf(t, store)
			mustDo(t, os.WriteFile(text, content, 0o600))
			mustDo(t, os.Rename(text, file))
			for range 2 {
				if next, err := store.Reopen(t.Context(), false); err == nil {
					next.Close()
					t.Fatal("it was opened")
				}
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != string(content) {
				t.Errorf("it was changed: %d bytes, %v", len(got), err)
			}
			mustDo(t, os.Rename(good, file))
			next, err := store.Reopen(t.Context(), false)
			mustDo(t, err)
			defer next.Close()
			wantHeadOf(t, next, 3)
		})
	}
}

func TestDeletedWriteAheadLogLosesNothing(t *testing.T) {
	for name, deletion := range map[string]func(*testing.T, string){
		"deleted":  func(t *testing.T, wal string) { mustDo(t, os.Remove(wal)) },
		"replaced": func(t *testing.T, wal string) { mustDo(t, os.Remove(wal)); mustDo(t, os.WriteFile(wal, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t)
			store := appended(t, file, 30)
			deletion(t, file+"-wal")
			wantIs(t, "Append", appendOp(t, store, 31), core.ErrHistoryChanged)
			next, err := store.Reopen(t.Context(), false)
			mustDo(t, err)
			defer next.Close()
			if next.Epoch() != store.Epoch() {
				t.Error("the epoch has changed, although nothing is lost")
			}
			wantHeadOf(t, next, 31)
			mustAppendOp(t, next, 32)
			if got := rawLog(t, file); got != 32 {
				t.Errorf("another process reads %d batches, want 32", got)
			}
		})
	}
}

func TestTruncatedWriteAheadLogStopsWrites(t *testing.T) {
	file := newFile(t)
	store := appended(t, file, 3)
	store.dialect.(*sqlite.Dialect).Checkpointer.Checkpoint(t.Context())
	mustAppendOp(t, store, 4)
	mustDo(t, os.Truncate(file+"-wal", 0))
	if err := appendOp(t, store, 5); err == nil {
		t.Fatal("a batch was acknowledged that no restart finds")
	}
	if err := appendOp(t, store, 6); err == nil {
		t.Fatal("a batch was acknowledged that no restart finds")
	}
	store.dialect.(*sqlite.Dialect).Checkpointer.Checkpoint(t.Context())
	store.Close()
	if got := rawLog(t, copyFiles(t, file)); got != 3 {
		t.Errorf("the next start finds %d batches, want the 3 of the last checkpoint", got)
	}
}

// copyFiles copies a database as a crash has left it.
func copyFiles(t *testing.T, file string) (copied string) {
	t.Helper()
	copied = newFile(t)
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(file + suffix)
		mustDo(t, err)
		mustDo(t, os.WriteFile(copied+suffix, data, 0o600))
	}
	return copied
}

func TestChangedSymbolicLinkIsDetected(t *testing.T) {
	file, other := newFile(t), newFile(t)
	appended(t, file, 1).Close()
	appended(t, other, 5).Close()
	link := filepath.Join(t.TempDir(), "current.db")
	mustDo(t, os.Symlink(file, link))
	store := openFile(t, link)
	mustAppendOp(t, store, 2)
	mustDo(t, os.Remove(link))
	mustDo(t, os.Symlink(other, link))
	wantIs(t, "Append", appendOp(t, store, 3), core.ErrHistoryChanged)
	next, err := store.Reopen(t.Context(), false)
	mustDo(t, err)
	defer next.Close()
	wantHeadOf(t, next, 5)
}

// rawLog counts the batches that another program finds.
func rawLog(t *testing.T, file string) (n int) {
	t.Helper()
	mustDo(t, rawFile(t, file).QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sync_change_log WHERE op_index = 0").Scan(&n))
	return n
}

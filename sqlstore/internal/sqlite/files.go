package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// openFiles identifies the files of an open database. SQLite keeps using a file after it was deleted, moved or replaced,
// so its writes would be missing from the file that the next process opens. Each use is followed by a check.
type openFiles struct {
	path    string // of the database, as configured
	wal     string // of the write-ahead log, next to the file that path resolves to
	db, log os.FileInfo
	header  *os.File // the write-ahead log, to read its first bytes
}

// errFileGone: the path of the database does not exist.
var errFileGone = fmt.Errorf("%w: the file was deleted or moved while the server runs: move it back, or restore a backup in its place", core.ErrGone)

// errTruncated: SQLite would read zeros in place of the write-ahead log, and copy them into the database. Checkpoints
// stop, so that the next start finds the database as of the last checkpoint.
var errTruncated = fmt.Errorf("%w: its write-ahead log was truncated while the server runs: restart the server, or restore a backup", core.ErrGone)

// recordFiles identifies the open files. It opens all connections first, so that none opens another file later.
func (d *Dialect) recordFiles(ctx context.Context) error {
	if err := d.openReaders(ctx); err != nil {
		return err
	}
	f := &openFiles{path: d.path}
	real, err := filepath.EvalSymlinks(d.path)
	if err != nil {
		return err
	}
	f.wal = real + "-wal"
	if f.db, err = os.Stat(d.path); err != nil {
		return err
	}
	if f.header, err = os.Open(f.wal); err != nil {
		return err
	}
	if f.log, err = f.header.Stat(); err != nil {
		return errors.Join(err, f.header.Close())
	}
	d.files.Store(f)
	return nil
}

// openReaders opens all connections of the read pool, which keeps them.
func (d *Dialect) openReaders(ctx context.Context) error {
	for range readers {
		conn, err := d.read.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() // in the pool, after all are open
		// A connection opens the files at its first read.
		if _, err := conn.ExecContext(ctx, "SELECT COUNT(*) FROM sqlite_schema"); err != nil {
			return err
		}
	}
	return nil
}

// Moved implements dialect.Dialect.
func (d *Dialect) Moved() error {
	files := d.files.Load()
	if files == nil {
		return nil
	}
	return files.check()
}

// walMagic has the first four bytes of a write-ahead log, without the last bit.
const walMagic = 0x377f0682

func (f *openFiles) check() error {
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errFileGone
	case err != nil:
		return err
	case !os.SameFile(now, f.db):
		return fmt.Errorf("%w: %s was replaced by another file", core.ErrHistoryChanged, f.path)
	}
	now, err = os.Stat(f.wal)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(now, f.log):
		return fmt.Errorf("%w: the write-ahead log %s was deleted or replaced", core.ErrHistoryChanged, f.wal)
	case err != nil:
		return err
	case now.Size() == 0:
		return nil // another program has checkpointed it
	}
	var first [4]byte
	if _, err := f.header.ReadAt(first[:], 0); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(first[:])&^1 != walMagic {
		return errTruncated
	}
	return nil
}

// LockWrites implements dialect.Dialect. A transaction has the write lock from BEGIN on. It may change the epoch, so the
// cache is emptied.
func (d *Dialect) LockWrites() []string {
	d.cache.mu.Lock()
	defer d.cache.mu.Unlock()
	d.cache.resetLocked()
	return nil
}

// Identity implements dialect.Dialect. Nothing distinguishes a file from its copy.
func (d *Dialect) Identity(context.Context) (string, error) { return "", nil }

// Reopen implements dialect.Dialect.
//
// SQLite applies the write-ahead log next to a file. If the file was replaced and the old log left in place, SQLite would
// copy pages of the old database into the new one. So Reopen renames the log if it is the one that was open.
func (d *Dialect) Reopen() (dialect.Dialect, bool, error) {
	uncertain := false
	if f := d.files.Load(); f != nil {
		now, err := os.Stat(f.path)
		if err != nil {
			return nil, false, err
		}
		switch {
		case os.SameFile(now, f.db):
			uncertain = !d.copied
		default:
			uncertain = true
			if err := f.setAside(time.Now()); err != nil {
				return nil, false, err
			}
		}
	}
	next, err := d.Existing()
	return next, uncertain, err
}

// copyLog copies the write-ahead log into the database, and reports whether it copied all of it. If the log was deleted,
// this copy preserves its content.
func (d *Dialect) copyLog() bool {
	if d.files.Load() == nil {
		return false // Start has not opened the files
	}
	var busy, pages, copied int
	err := d.write.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &copied)
	return err == nil && busy == 0 && pages == copied
}

// Existing implements dialect.Dialect. It fails for a missing or empty file.
func (d *Dialect) Existing() (dialect.Dialect, error) {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("the file does not exist: choose another, or start a server, which creates it")
	case err != nil:
		return nil, err
	case info.Size() == 0: // SQLite would create an empty database
		return nil, errors.New("the file is empty: restore a backup in its place, or restart the server to begin with an empty database")
	}
	return newDialect(d.file, "rw")
}

// setAside renames the write-ahead log that was open, if it is still there, and removes its index.
func (f *openFiles) setAside(now time.Time) error {
	log, err := os.Stat(f.wal)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(log, f.log) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.wal, f.wal+now.UTC().Format(".20060102T150405.000000000")); err != nil {
		return err
	}
	if err := os.Remove(filepath.Clean(f.wal[:len(f.wal)-len("-wal")] + "-shm")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

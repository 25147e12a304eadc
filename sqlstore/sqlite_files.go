package sqlstore

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
)

// sqliteFiles are the files of an open database. SQLite goes on with a file that was deleted, moved or replaced: what it
// writes then is in no file that the next process opens. So each use is followed by a look at the names.
type sqliteFiles struct {
	path    string // of the database, as it was named
	wal     string // of the write-ahead log, which is beside the file that the path leads to
	db, log os.FileInfo
	header  *os.File // the write-ahead log, for its first bytes
}

// errFileGone: the name of the database leads nowhere.
var errFileGone = fmt.Errorf("%w: the file was deleted or moved while the server runs: move it back, or restore a backup in its place", core.ErrGone)

// errTruncated: SQLite would now take zeros for what was in the write-ahead log, and copy them into the database. Nothing
// is copied any more, so that the next start finds the database as it was at the last checkpoint.
var errTruncated = fmt.Errorf("%w: its write-ahead log was truncated while the server runs: restart the server, or restore a backup", core.ErrGone)

// recordFiles remembers which files were opened. All connections are there by then, so none opens another file later.
func (d *sqlite) recordFiles(ctx context.Context) error {
	if err := d.openReaders(ctx); err != nil {
		return err
	}
	f := &sqliteFiles{path: d.path}
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

// openReaders opens all connections of the reading pool, which keeps them.
func (d *sqlite) openReaders(ctx context.Context) error {
	for range sqliteReaders {
		conn, err := d.read.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() // not before all are open
		// A connection opens the files when it first reads.
		if _, err := conn.ExecContext(ctx, "SELECT COUNT(*) FROM sqlite_schema"); err != nil {
			return err
		}
	}
	return nil
}

// moved implements dialect.
func (d *sqlite) moved() error {
	files := d.files.Load()
	if files == nil {
		return nil
	}
	return files.check()
}

// The first four bytes of a write-ahead log, but for the last bit.
const sqliteWALMagic = 0x377f0682

func (f *sqliteFiles) check() error {
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errFileGone
	case err != nil:
		return err
	case !os.SameFile(now, f.db):
		return fmt.Errorf("%w: another file is in the place of %s", core.ErrHistoryChanged, f.path)
	}
	now, err = os.Stat(f.wal)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(now, f.log):
		return fmt.Errorf("%w: the write-ahead log %s was deleted or replaced", core.ErrHistoryChanged, f.wal)
	case err != nil:
		return err
	case now.Size() == 0:
		return nil // another program has copied all of it into the database
	}
	var first [4]byte
	if _, err := f.header.ReadAt(first[:], 0); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(first[:])&^1 != sqliteWALMagic {
		return errTruncated
	}
	return nil
}

// lockWrites implements dialect. A transaction has the writer's lock from its beginning. It is going to change what the
// writing connection has seen.
func (d *sqlite) lockWrites() []string {
	d.seen.mu.Lock()
	defer d.seen.mu.Unlock()
	d.seen.forget()
	return nil
}

// identity implements dialect. A file has nothing by which a copy of it could be told from it.
func (d *sqlite) identity(context.Context) (string, error) { return "", nil }

// successor implements dialect.
//
// SQLite's rule is that the write-ahead log beside a file belongs to it. If the database was replaced and the log of the
// one before was left there, SQLite would copy pages of the one into the other. So that log is set aside. It is known by
// being the one that was open here.
func (d *sqlite) successor() (dialect, bool, error) {
	doubt := false
	if f := d.files.Load(); f != nil {
		now, err := os.Stat(f.path)
		if err != nil {
			return nil, false, err
		}
		switch {
		case os.SameFile(now, f.db):
			doubt = !d.copied
		default:
			doubt = true
			if err := f.setAside(time.Now()); err != nil {
				return nil, false, err
			}
		}
	}
	next, err := d.existing()
	return next, doubt, err
}

// copyLog copies the write-ahead log into the database, and reports whether that was all of it. The log may have been
// deleted, and then this is what saves what is in it.
func (d *sqlite) copyLog() bool {
	if d.files.Load() == nil {
		return false // nothing was opened
	}
	var busy, pages, copied int
	err := d.write.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &copied)
	return err == nil && busy == 0 && pages == copied
}

// existing is a dialect for the same file that does not create a database in it.
func (d *sqlite) existing() (*sqlite, error) {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("the file does not exist: name another, or start a server, which creates it")
	case err != nil:
		return nil, err
	case info.Size() == 0: // SQLite would make an empty database of it
		return nil, errors.New("the file is empty: restore a backup in its place, or restart the server to begin with an empty database")
	}
	return makeSQLite(d.file, "rw")
}

// setAside renames the write-ahead log that was open, if it is still in its place, and removes the index of it.
func (f *sqliteFiles) setAside(now time.Time) error {
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

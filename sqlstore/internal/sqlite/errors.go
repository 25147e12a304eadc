package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/pathsync/pathsync/core"
)

// fenceColumn is in the text of a violation of the log's unique index, which lists its columns.
const fenceColumn = "sync_change_log.server_seq"

// Explain implements dialect.Dialect. The driver's codes are known to this file only.
func (d *Dialect) Explain(err error) error {
	var failure *driver.Error
	if !errors.As(err, &failure) {
		return err
	}
	if failure.Code() == code.SQLITE_CONSTRAINT_UNIQUE && strings.Contains(failure.Error(), fenceColumn) {
		return core.ErrConflict
	}
	switch failure.Code() & 0xff { // the primary result code; the other bits refine it
	// Data that the tables or their triggers reject.
	case code.SQLITE_CONSTRAINT, code.SQLITE_TOOBIG, code.SQLITE_MISMATCH:
		return fmt.Errorf("%w: %w", core.ErrRejected, err)

	// Errors that do not depend on the data.
	case code.SQLITE_CANTOPEN:
		return fmt.Errorf("%s (%w)", d.openProblem(), err)
	case code.SQLITE_NOTADB:
		return fmt.Errorf("the file is not a SQLite database: choose another (%w)", err)
	case code.SQLITE_READONLY, code.SQLITE_PERM:
		return fmt.Errorf("the file or its directory cannot be written: change their permissions (%w)", err)
	case code.SQLITE_BUSY, code.SQLITE_LOCKED:
		return fmt.Errorf("another process has locked the database: stop it, or wait for it (%w)", err)
	case code.SQLITE_FULL:
		return fmt.Errorf("the disk is full: free space on it (%w)", err)
	case code.SQLITE_IOERR:
		return fmt.Errorf("reading or writing the disk failed: see the system's log (%w)", err)
	case code.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged: restore it from a backup (%w)", err)
	case code.SQLITE_INTERNAL, code.SQLITE_NOMEM, code.SQLITE_INTERRUPT, code.SQLITE_PROTOCOL, code.SQLITE_SCHEMA,
		code.SQLITE_MISUSE, code.SQLITE_NOLFS, code.SQLITE_AUTH:
		return err
	case code.SQLITE_ERROR:
		if strings.Contains(failure.Error(), "no such table: sync_") || strings.Contains(failure.Error(), "no such table: main.sync_") {
			return fmt.Errorf("the tables were changed: check the file (%w)", err)
		}
	}
	return fmt.Errorf("%w: %w", core.ErrUnexplained, err)
}

func isBusy(err error) bool {
	var failure *driver.Error
	return errors.As(err, &failure) && failure.Code()&0xff == code.SQLITE_BUSY
}

// openProblem returns the reason for SQLITE_CANTOPEN, which SQLite does not report.
func (d *Dialect) openProblem() string {
	directory := filepath.Dir(d.file)
	if _, err := os.Stat(directory); errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("the directory %s does not exist: create it, or choose another", directory)
	}
	if info, err := os.Stat(d.file); err == nil && info.IsDir() {
		return "it is a directory: choose a file in it"
	}
	return "the file or its directory cannot be used: change their permissions"
}

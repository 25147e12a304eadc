package sqlstore

import (
	"errors"
	"fmt"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// WaitingHelps reports whether Open may succeed later without a restart: when the database is available, or when an
// administrator has created its tables or granted a permission. It is false for an invalid URL and for tables of a newer
// program that this one cannot use.
func WaitingHelps(err error) bool { return err != nil && !errors.As(err, new(dialect.Permanent)) }

func tooNew(version, newest int) error {
	return dialect.Permanent{Err: fmt.Errorf("its tables have version %d, and this program supports versions up to %d: use a newer program", version, newest)}
}

// withPermissionHint adds the command for an administrator to an error of a login without permissions. It hides the driver's
// error, so that Explain does not replace the hint.
func withPermissionHint(d dialect.Dialect, err error, command string) error {
	if !d.LacksPermission(err) {
		return err
	}
	return fmt.Errorf(`%v; this login may not change tables: run "pathsync %s" with a login that may`, d.Explain(err), command) //nolint:errorlint // on purpose
}

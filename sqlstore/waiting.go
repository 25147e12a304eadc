package sqlstore

import (
	"errors"
	"fmt"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// WaitingHelps reports whether an error of Open may pass without a restart: the database is not there yet, or somebody has
// to make its tables or grant a right. A wrong URL and tables of a newer program stay what they are.
func WaitingHelps(err error) bool { return err != nil && !errors.As(err, new(dialect.Permanent)) }

func tooNew(version, newest int) error {
	return dialect.Permanent{Err: fmt.Errorf("its tables have version %d and this program knows up to %d: use a newer program", version, newest)}
}

// withRightsHint says how tables are changed by a login that may not. It hides the driver's error, of which explain would
// show nothing else.
func withRightsHint(d dialect.Dialect, err error, command string) error {
	if !d.LacksPermission(err) {
		return err
	}
	return fmt.Errorf(`%v; this login may not change tables: run "pathsync %s" with one that may`, d.Explain(err), command) //nolint:errorlint // on purpose
}

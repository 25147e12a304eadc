package sqlstore

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
)

// hopeless is an error that stays until this program is started in another way.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// WaitingHelps reports whether an error of Open may pass without a restart: the database is not there yet, or somebody has
// to make its tables or grant a right. A wrong URL and tables of a newer program stay what they are.
func WaitingHelps(err error) bool { return err != nil && !errors.As(err, new(hopeless)) }

func tooNew(version, newest int) error {
	return hopeless{fmt.Errorf("its tables have version %d and this program knows up to %d: use a newer program", version, newest)}
}

// lacksRight reports whether the database has refused something that the login may not do.
func lacksRight(err error) bool {
	var postgres *pgconn.PgError
	var sqlServer mssql.Error
	switch {
	case errors.As(err, &postgres):
		return postgres.Code == "42501"
	case errors.As(err, &sqlServer):
		switch sqlServer.Number {
		case 229, 230, 262, 297, 300, 916, 1088, 2760, 3701, 4902, 15151, 15247, 15517, 27222:
			return true
		}
	}
	return false
}

// withRightsHint says how tables are changed by a login that may not. It hides the driver's error, of which explain would
// show nothing else.
func withRightsHint(d dialect, err error, command string) error {
	if !lacksRight(err) {
		return err
	}
	return fmt.Errorf(`%v; this login may not change tables: run "pathsync %s" with one that may`, d.explain(err), command) //nolint:errorlint // on purpose
}

package sqlstore

import (
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/storetest"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestSQLServer(t *testing.T) {
	dsn := dbtest.SQLServer(t) // one for all, because making tables is slow
	storetest.Run(t, func(t *testing.T) core.Store { return openDSN(t, dsn) })
}

func TestSQLServerIsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (core.Store, error) {
		dsn := dbtest.SQLServer(t)
		return func() (core.Store, error) { return Open(t.Context(), dsn) }
	})
}

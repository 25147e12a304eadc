package sqlserver_test

import (
	"context"

	"github.com/pathsync/pathsync/sqlstore"
	"github.com/pathsync/pathsync/sqlstore/internal/sqlserver"
)

func init() {
	sqlserver.CreateTables = func(ctx context.Context, dsn string) (string, error) {
		store, err := sqlstore.Open(ctx, dsn)
		if err != nil {
			return "", err
		}
		return store.Epoch(), store.Close()
	}
}

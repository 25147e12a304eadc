package main

import (
	"context"
	"database/sql"

	_ "github.com/jackc/pgx/v5/stdlib" // driver
)

// hot measures a room in which many write at the same time.
func hot(ctx context.Context, s *server, o options) (r report, err error) {
	before, err := transactions(ctx, o.database)
	if err != nil {
		return r, err
	}
	r, err = oneRoom(ctx, s, 10, 100, func(ctx context.Context, _ int, w *writer) error { return w.postUntil(ctx) }, o, true)
	if err != nil {
		return r, err
	}
	after, err := transactions(ctx, o.database)
	r.add("%d of %d transactions rolled back", after.rolledBack-before.rolledBack, after.committed-before.committed+after.rolledBack-before.rolledBack)
	return r, err
}

// outcomes are how many transactions of a database have ended in which way.
type outcomes struct{ committed, rolledBack int64 }

// transactions returns the outcomes of a PostgreSQL database. Its statistics are up to a second old.
func transactions(ctx context.Context, database string) (o outcomes, err error) {
	db, err := sql.Open("pgx", database)
	if err != nil {
		return o, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()").
		Scan(&o.committed, &o.rolledBack)
	return o, err
}

package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver

	"github.com/pathsync/pathsync/internal/load"
)

// join starts others on the database of s. They share its processor. With a bus, it returns when all servers know each other.
func (s *server) join(others int) error {
	if others == 0 {
		return nil
	}
	for range others {
		other := &server{args: s.args, cluster: s.cluster}
		if err := other.start(); err != nil {
			return err
		}
		s.others = append(s.others, other)
	}
	if !s.cluster {
		return nil
	}
	n := float64(1 + others)
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		known, err := s.sum("pathsync_cluster_servers")
		if err != nil {
			return err
		}
		healthy, err := s.sum("pathsync_bus_healthy")
		if err != nil {
			return err
		}
		if known == n*n && healthy == n {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%v servers have not found each other within 20 s", n)
		}
	}
}

// sum returns the sum of a metric of all servers.
func (s *server) sum(series string) (total float64, err error) {
	for _, one := range append([]*server{s}, s.others...) {
		v, err := (&load.Target{URL: "http://" + one.address}).Metric(series)
		if err != nil {
			return 0, err
		}
		total += v
	}
	return total, nil
}

// transactions returns how many transactions of a PostgreSQL database were committed and rolled back. Its statistics are up to a
// second old.
func transactions(ctx context.Context, database string) (committed, rolledBack int64, err error) {
	db, err := sql.Open("pgx", database)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()").
		Scan(&committed, &rolledBack)
	return committed, rolledBack, err
}

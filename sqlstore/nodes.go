package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// nodesPerDelete limits the parameters of a statement.
const nodesPerDelete = 500

func (s *Store) nodes() string { return s.dialect.Schema().Syntax.Table("sync_nodes") }

// SaveNode implements core.Store. Only the server itself writes its row, so no other one inserts it in between.
func (s *Store) SaveNode(ctx context.Context, n core.Node) error {
	draining := 0
	if n.Draining {
		draining = 1
	}
	status, err := json.Marshal(n.Status)
	if err != nil {
		return err
	}
	now := squirrel.Expr(s.dialect.Schema().Syntax.Now)
	return s.call("saving the description of this server", func() error {
		return dialect.InTransaction(ctx, s.dialect.Writer(), func(tx *sql.Tx) error {
			changed, err := execCount(ctx, s.dialect, tx, squirrel.Update(s.nodes()).Set("address", n.Address).Set("version", n.Version).
				Set("epoch", n.Epoch).Set("protocol", n.Protocol).Set("oldest", n.Oldest).Set("draining", draining).
				Set("status", string(status)).Set("heartbeat", now).Where("id = ?", n.ID))
			if err != nil || changed > 0 {
				return err
			}
			return exec(ctx, s.dialect, tx, squirrel.Insert(s.nodes()).
				Columns("id", "address", "version", "epoch", "protocol", "oldest", "draining", "status", "heartbeat").
				Values(n.ID, n.Address, n.Version, n.Epoch, n.Protocol, n.Oldest, draining, string(status), now))
		})
	})
}

// RemoveNodes implements core.Store.
func (s *Store) RemoveNodes(ctx context.Context, ids ...string) error {
	return s.call("removing descriptions of servers", func() error {
		return dialect.InTransaction(ctx, s.dialect.Writer(), func(tx *sql.Tx) error {
			for some := range slices.Chunk(ids, nodesPerDelete) {
				if err := exec(ctx, s.dialect, tx, squirrel.Delete(s.nodes()).Where(squirrel.Eq{"id": some})); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Nodes implements core.Store.
func (s *Store) Nodes(ctx context.Context) (all []core.Node, err error) {
	err = s.call("reading the descriptions of servers", func() (err error) {
		all, err = readNodes(ctx, s.dialect)
		return err
	})
	return all, err
}

func readNodes(ctx context.Context, d dialect.Dialect) (all []core.Node, err error) {
	syntax := d.Schema().Syntax
	query, _, err := squirrel.Select("id", "address", "version", "epoch", "protocol", "oldest", "draining", "status", "heartbeat",
		syntax.Now).From(syntax.Table("sync_nodes")).OrderBy("id").ToSql()
	if err != nil {
		return nil, err
	}
	rows, err := d.Reader().QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n core.Node
		var draining int
		var status string
		var heartbeat, now dialect.Milliseconds
		if err := rows.Scan(&n.ID, &n.Address, &n.Version, &n.Epoch, &n.Protocol, &n.Oldest, &draining, &status, &heartbeat, &now); err != nil {
			return nil, err
		}
		_ = json.Unmarshal([]byte(status), &n.Status) // another version may write another status
		n.Draining = draining != 0
		n.Age = max(0, (now - heartbeat).Duration())
		all = append(all, n)
	}
	return all, rows.Err()
}

// Nodes returns the descriptions of the servers of a database, by ID. It changes nothing, and creates no database.
func Nodes(ctx context.Context, dsn string) (all []core.Node, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect.Dialect) (err error) {
		all, err = readNodes(ctx, d)
		return err
	})
	return all, err
}

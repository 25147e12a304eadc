package sqlstore

import (
	"context"
	"database/sql"
)

// Checkpoint implements core.Store.
func (s *Store) Checkpoint(ctx context.Context, room string) (int64, error) {
	var highest sql.NullInt64
	err := s.call("looking for the newest document", func() error {
		return s.query.checkpoint.QueryRowContext(ctx, s.text(room)).Scan(&highest)
	})
	return highest.Int64, err
}

// NextRoom implements core.Store. The order is that in which the database compares names: each call is one search of
// an index, however long the rooms' logs are.
func (s *Store) NextRoom(ctx context.Context, after string) (string, error) {
	var room sql.NullString
	err := s.call("looking for the next room", func() error {
		return s.query.nextRoom.QueryRowContext(ctx, s.text(after)).Scan(&room)
	})
	return room.String, err
}

// Prune implements core.Store.
func (s *Store) Prune(ctx context.Context, room string, through int64) error {
	return s.call("shortening the log", func() error {
		_, err := s.query.prune.ExecContext(ctx, s.text(room), through)
		return err
	})
}

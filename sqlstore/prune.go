package sqlstore

import (
	"context"
	"database/sql"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// NextRoom implements core.Store, in the database's order of names. Each call is one index search, whatever the length of
// the rooms' logs.
func (s *Store) NextRoom(ctx context.Context, after string) (string, error) {
	var room sql.NullString
	err := s.call("finding the next room", func() error {
		return s.query.nextRoom.QueryRowContext(ctx, s.name(after)).Scan(&room)
	})
	return room.String, err
}

// RoomAfter implements core.Store, in the database's order of names.
func (s *Store) RoomAfter(ctx context.Context, after string) (next core.StoredRoom, err error) {
	var room sql.NullString
	var seq, documents, bytes sql.NullInt64
	var ts sql.Null[dialect.Milliseconds]
	err = s.call("finding the next room", func() error {
		return s.query.roomAfter.QueryRowContext(ctx, s.name(after), s.name(after)).Scan(&room, &seq, &ts, &documents, &bytes)
	})
	if err != nil || !room.Valid {
		return core.StoredRoom{}, err
	}
	return core.StoredRoom{
		Name: room.String, ServerSeq: seq.Int64, ServerTs: int64(ts.V), Documents: int(documents.Int64), Bytes: bytes.Int64,
	}, nil
}

// Head implements core.Store.
func (s *Store) Head(ctx context.Context, room string) (int64, error) {
	var highest sql.NullInt64
	err := s.call("finding the last batch", func() error {
		if err := s.query.head.QueryRowContext(ctx, s.name(room)).Scan(&highest); err != nil {
			return err
		}
		return s.sameEpoch(ctx)
	})
	return highest.Int64, err
}

// Oldest implements core.Store. It reads the lengths of values, not the values.
func (s *Store) Oldest(ctx context.Context, room string, after int64, bounds core.Bounds) (entries []core.Entry, err error) {
	err = s.call("finding the oldest batches", func() error {
		entries, err = s.oldest(ctx, room, after, bounds)
		return err
	})
	return entries, err
}

func (s *Store) oldest(ctx context.Context, room string, after int64, bounds core.Bounds) ([]core.Entry, error) {
	// One more row shows whether the last batch is complete.
	rows, err := s.query.oldest.QueryContext(ctx, s.name(room), after, bounds.Rows+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []core.Entry
	var used core.Bounds
	for rows.Next() {
		var seq int64
		var ts dialect.Milliseconds
		var bytes sql.NullInt64
		if err := rows.Scan(&seq, &ts, &bytes); err != nil {
			return nil, err
		}
		if n := len(entries); n == 0 || entries[n-1].ServerSeq != seq {
			entries = append(entries, core.Entry{ServerSeq: seq, ServerTs: int64(ts)})
		}
		used.Rows++
		used.Bytes += int(bytes.Int64)
		if used.Rows > bounds.Rows || used.Bytes > bounds.Bytes { // the last batch exceeds the bounds
			return entries[:max(1, len(entries)-1)], nil
		}
	}
	return entries, rows.Err()
}

// Prune implements core.Store.
func (s *Store) Prune(ctx context.Context, room string, after, through int64) error {
	return s.call("pruning the log", func() error {
		return s.dialect.Prune(ctx, s.epoch, room, through, s.query.prune, s.name(room), after, through, s.name(room), s.name(s.epoch))
	})
}

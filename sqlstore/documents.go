package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/core"
)

// Documents implements core.Store. It is one SELECT, so that the rows are of one snapshot. It does not check the epoch: a
// room then reads its log, which does.
func (s *Store) Documents(ctx context.Context, room string) ([]core.Document, error) {
	var docs []core.Document
	err := s.call("reading documents", func() error {
		rows, err := s.query.documents.QueryContext(ctx, s.name(room))
		if err != nil {
			return err
		}
		defer rows.Close()
		docs = docs[:0]
		for rows.Next() {
			d := core.Document{Room: strings.Clone(room)}
			if err := rows.Scan(&d.Key, &d.ServerSeq, &d.State); err != nil {
				return err
			}
			docs = append(docs, d)
			core.Progress(ctx)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return docs, nil
}

// SaveDocuments implements core.Store.
func (s *Store) SaveDocuments(ctx context.Context, docs []core.Document) error {
	if len(docs) == 0 {
		return nil
	}
	return s.call("saving documents", func() error {
		return s.dialect.UpsertDocuments(ctx, s.epoch, docs)
	})
}

// Checkpoint implements core.Store.
func (s *Store) Checkpoint(ctx context.Context, room string) (core.Checkpoint, error) {
	var at, documents sql.NullInt64
	err := s.call("reading a checkpoint", func() error {
		return s.query.checkpoint.QueryRowContext(ctx, s.name(room), s.name(room), s.name(room)).Scan(&at, &documents)
	})
	return core.Checkpoint{Room: strings.Clone(room), ServerSeq: at.Int64, Documents: int(documents.Int64)}, err
}

// SaveCheckpoints implements core.Store.
func (s *Store) SaveCheckpoints(ctx context.Context, checkpoints []core.Checkpoint) error {
	if len(checkpoints) == 0 {
		return nil
	}
	// In the order of rooms, to avoid deadlocks between servers.
	checkpoints = slices.Clone(checkpoints)
	slices.SortFunc(checkpoints, func(a, b core.Checkpoint) int { return cmp.Compare(a.Room, b.Room) })
	return s.call("saving checkpoints", func() error {
		return s.dialect.UpsertCheckpoints(ctx, s.epoch, checkpoints)
	})
}

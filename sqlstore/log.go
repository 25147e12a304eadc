package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// Append implements core.Store.
func (s *Store) Append(ctx context.Context, batches []*core.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	return s.call("appending to the log", func() error {
		for _, b := range batches {
			if len(b.Ops) == 0 { // without a row, it would leave a gap in the log
				return fmt.Errorf("%w: a batch without operations", core.ErrRejected)
			}
		}
		return s.dialect.InsertLog(ctx, s.epoch, batches)
	})
}

// Log implements core.Store.
func (s *Store) Log(ctx context.Context, room string, after int64, limit core.Page) ([]*core.Batch, error) {
	var p dialect.Page
	err := s.call("reading the log", func() error {
		p = dialect.Page{Room: strings.Clone(room), Limit: limit}
		if err := s.dialect.ReadLog(ctx, room, after, &p); err != nil {
			return err
		}
		return s.sameEpoch(ctx)
	})
	if err != nil {
		return nil, err
	}
	return p.Batches, nil
}

// FindBatch implements core.Store.
func (s *Store) FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*core.Batch, error) {
	var p dialect.Page
	err := s.call("finding a batch in the log", func() error {
		p = dialect.Page{Room: strings.Clone(room), Limit: core.Page{Batches: 1}}
		err := p.Read(ctx, s.query.findBatch, s.name(room), s.name(room), s.name(clientID), clientSeq)
		if err != nil || len(p.Batches) == 0 {
			return err
		}
		return s.sameEpoch(ctx) // the batch becomes the response to a repeated request
	})
	if err != nil || len(p.Batches) == 0 {
		return nil, err
	}
	return p.Batches[0], nil
}

// LastClientSeq implements core.Store.
func (s *Store) LastClientSeq(ctx context.Context, room, clientID string) (int64, error) {
	var last sql.NullInt64
	err := s.call("finding a client's last batch in the log", func() error {
		return s.query.lastClientSeq.QueryRowContext(ctx, s.name(room), s.name(clientID)).Scan(&last)
	})
	return dialect.ValueOr(last, core.NoClientSeq), err
}

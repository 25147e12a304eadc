package load

import (
	"context"
	"errors"
)

// hot measures a room in which many write at the same time.
func hot(ctx context.Context, s *Target, o Options) (r Report, err error) {
	if s.Transactions == nil {
		return r, errors.New("this load needs a database of PostgreSQL: -database postgres://…")
	}
	committed, rolledBack, err := s.Transactions(ctx)
	if err != nil {
		return r, err
	}
	r, err = oneRoom(ctx, s, 10, 100, func(ctx context.Context, _ int, w *writer) error { return w.postUntil(ctx) }, o, true)
	if err != nil {
		return r, err
	}
	committedNow, rolledBackNow, err := s.Transactions(ctx)
	r.add("%d of %d transactions rolled back", rolledBackNow-rolledBack, committedNow-committed+rolledBackNow-rolledBack)
	return r, err
}

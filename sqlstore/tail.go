package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

const (
	tailRows = 5_000 // of one read
	// A new tail looks for gaps in the last ids, for transactions that have inserted rows and are not committed yet.
	lookBack = 20_000
)

// tail is a core.Tail of a Store.
type tail struct {
	store  *Store
	cursor logtail.Cursor
}

// OpenTail implements core.Store.
func (s *Store) OpenTail(ctx context.Context) (core.Tail, error) {
	var last int64
	err := s.call("opening the log tail", func() (err error) {
		last, err = s.dialect.LastID(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := &tail{store: s, cursor: logtail.Cursor{Next: max(0, last-lookBack) + 1}}
	if _, _, err := t.read(ctx, lookBack); err != nil {
		return nil, err
	}
	// After a loss because of many gaps, the next loss is not at once. The oldest gaps are the least likely to get rows.
	t.cursor.Gaps = t.cursor.Gaps[max(0, len(t.cursor.Gaps)-logtail.MaxGaps/2):]
	return t, nil
}

// Next implements core.Tail.
func (t *tail) Next(ctx context.Context) (entries []core.TailEntry, more bool, err error) {
	var batches []logtail.Row
	if !t.lost() {
		if batches, more, err = t.read(ctx, tailRows); err != nil {
			return nil, false, err
		}
	}
	if t.lost() {
		return nil, false, fmt.Errorf("reading the log tail: %w: too many transactions are running or were rolled back", core.ErrTailLost)
	}
	for _, b := range batches {
		entries = append(entries, core.TailEntry{Room: b.Room, ServerSeq: b.ServerSeq})
	}
	return entries, more, nil
}

// lost reports whether there are more gaps than a read can look for. It stays true.
func (t *tail) lost() bool { return len(t.cursor.Gaps) > logtail.MaxGaps }

// Held implements core.Tail.
func (t *tail) Held() time.Duration {
	if len(t.cursor.Gaps) == 0 {
		return 0
	}
	return time.Since(t.cursor.Gaps[0].Since)
}

// read reads a page and moves the cursor past it.
func (t *tail) read(ctx context.Context, limit int) (batches []logtail.Row, more bool, err error) {
	var page logtail.Page
	err = t.store.call("reading the log tail", func() error {
		page = logtail.Page{}
		if err := t.store.dialect.ReadTail(ctx, &t.cursor, limit, &page); err != nil {
			return err
		}
		if !page.Kept {
			return fmt.Errorf("%w: the database lacks rows that it has had", core.ErrTailLost)
		}
		return t.store.expectEpoch(page.Epoch)
	})
	if err != nil {
		return nil, false, err
	}
	return t.cursor.Advance(&page, time.Now()), page.Full, nil
}

package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// attempt is one transaction of a commit, with its result.
type attempt struct {
	*commit
	head, rest      []group // in the transaction, and not in it
	batches         int     // in head
	othersCommitted bool    // the database committed another transaction meanwhile
	err             error
}

// try appends the next part of a commit to the log and acts on the result.
func (t *track) try(f *commit) {
	head, rest := f.next()
	if len(head) == 0 {
		return
	}
	c := t.c
	batches, rows, bytes := batchesIn(head)
	limit := t.pace.timeout
	if len(batches) == 1 { // several batches can be split after a timeout, a single one cannot
		limit += allowance(rows, bytes)
	}
	others, began := c.succeeded.Load(), time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	// All rooms of a commit have the same store: they were queued at the same time, and the rooms of a history refuse
	// batches before rooms of the next history are opened.
	first := head[0].room
	err := first.store.Append(ctx, batches)
	late := ctx.Err() != nil
	cancel()
	a := &attempt{f, head, rest, len(batches), c.succeeded.Load() != others, err}
	switch {
	case err == nil:
		t.databaseUp()
		c.succeeded.Add(1)
		took := time.Since(began)
		t.pace.committed(took, f.full)
		t.wait = gather(len(batches), took, f.full)
		c.cfg.Metrics.Committed(batches, time.Since(f.began))
		last := batches[len(batches)-1]
		first.hub.recordHead(first.store, last)
		first.hub.cluster.committed(first.store, batches)
		t.committed(*a)
	case errors.Is(err, ErrConflict):
		t.databaseUp()
		t.conflict(*a)
	case errors.Is(err, ErrHistoryChanged):
		t.databaseUp()
		first.hub.startReopen(first.store, err)
		c.refuseAll(f, err)
	case errors.Is(err, ErrGone):
		// The database may not come back, so senders get an error at once. If the transaction succeeded after all, the room's
		// next batch conflicts with it and the log is read.
		t.databaseUp()
		first.hub.watcher.record(first.store, err)
		c.refuseAll(f, fmt.Errorf("%w: %w", ErrUnavailable, err))
	case errors.Is(err, ErrRejected), errors.Is(err, ErrUnexplained):
		t.databaseUp()
		t.failed(*a)
	case c.ctx.Err() != nil:
		c.refuseAll(f, fmt.Errorf("%w: %w", ErrClosing, err))
	case late, errors.Is(err, ErrTooSlow):
		c.cfg.Metrics.Retried()
		t.pace.timedOut()
		if t.dropOvertaken(a); len(a.head) > 0 {
			t.timedOut(*a)
		}
	default:
		c.cfg.Metrics.Retried()
		if t.dropOvertaken(a); len(a.head) > 0 {
			t.outage(*a)
		}
	}
}

// committed resolves the groups of a successful attempt and continues with the rest.
func (t *track) committed(a attempt) {
	left := a.rest
	for _, p := range a.head {
		if p = t.c.resolve(p); len(p.batches) > 0 {
			left = append(left, p)
		}
	}
	t.add(a.withGroups(left, a.size))
}

// refuseAll answers all groups of a commit with an error.
func (c *committer) refuseAll(f *commit, err error) {
	for _, p := range f.groups {
		c.refuse(p, err)
	}
}

// logOutage refuses new batches and logs the first error of an outage.
func (c *committer) logOutage(doing string, err error) {
	if !c.outage.Swap(true) {
		c.cfg.Log.Warn("database does not respond; writes are refused until it does", "doing", doing, "error", err)
	}
}

// reported returns a log attribute with the database's own message, which the error's text omits.
func reported(err error) slog.Attr {
	var r interface{ Reported() string }
	if errors.As(err, &r) {
		return slog.String("reported", r.Reported())
	}
	return slog.Attr{}
}

package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// conflict finds out from the log what became of the batches of an attempt. Either an earlier attempt has committed them and
// its response was lost, or another server has committed others, and these are decided again.
func (t *track) conflict(a attempt) {
	c := t.c
	results := make([]reconciled, len(a.head))
	explained := false
	for i, p := range a.head {
		r, err := t.reconcile(p)
		results[i] = r
		if err != nil {
			c.refuse(p, err)
			a.head[i].submissions = nil
		}
		explained = explained || r.moved || err != nil
	}
	if !explained {
		t.unexplainedConflict(a)
		return
	}
	for i, p := range a.head {
		if p.submissions == nil {
			continue
		}
		if n := results[i].own; n > 0 {
			c.cfg.Metrics.Committed(batchesOf(p.batches[:n]), time.Since(a.began))
			p.room.hub.cluster.committed(p.room.store, batchesOf(p.batches[:n]))
			p.room.wrote(p.batches[n-1].ServerSeq)
			c.accept(p, n)
		}
		c.finish(p.room, p.submissions[results[i].own:])
	}
	t.add(a.withGroups(a.rest, a.size))
}

// dropOvertaken removes the groups of an attempt of unknown fate whose first number another server has used, as its message
// says. It is a conflict, whatever the database answers later, so these groups are decided again. Otherwise the room's
// readers would not get what other servers commit until this one reaches the database. If no group is left, it continues
// with the rest.
func (t *track) dropOvertaken(a *attempt) {
	var head []group
	for _, p := range a.head {
		page, _, _ := p.room.ahead.take(p.room.state.Seq())
		if len(page) == 0 {
			head = append(head, p)
		} else if err := p.room.foldOthers(page); err != nil {
			t.c.refuse(p, err)
		} else {
			t.c.finish(p.room, p.submissions)
		}
	}
	if len(head) == len(a.head) {
		return
	}
	all, _, _ := batchesIn(head)
	a.head, a.batches = head, len(all)
	a.commit = a.withGroups(slices.Concat(head, a.rest), a.size)
	if len(head) == 0 {
		t.databaseUp() // no attempt that would end the outage may follow; the next one finds out
		t.add(a.commit)
	}
}

// unexplainedConflict repeats an attempt whose conflict the log does not show once: the database may have lost the batches in between, as
// by a restored backup, and then the repetition says so. Another conflict is refused: an operator has to look at the database.
func (t *track) unexplainedConflict(a attempt) {
	if a.batches > 1 {
		t.split(a)
		return
	}
	p := a.head[0]
	if s := p.submissions[0]; !s.contradicted {
		s.contradicted = true
		t.retryIsolated(a)
		return
	}
	t.c.cfg.Log.Error("database reports a conflict that its log does not show; the batch is refused. "+
		"Look for rows of this room beyond this serverSeq, and for unique indexes that pathsync did not create",
		"room", p.room.name, "serverSeq", p.batches[0].ServerSeq, "error", a.err, reported(a.err))
	t.c.cfg.Metrics.Contradicted()
	t.reject(a, fmt.Errorf("%w: a conflict that the log does not show", ErrRejected))
}

// errReopen: the room is opened again, because it cannot continue from the log or must not delay other rooms. Whether an
// earlier attempt committed a batch of this server is unknown. Readers start again.
var errReopen = fmt.Errorf("%w: the room is being reopened", ErrUnavailable)

// reopen ends a room with errReopen.
func (r *Room) reopen(cause string, attributes ...any) error {
	r.hub.cfg.Log.Warn("room is reopened: "+cause, append([]any{"room", r.name, "serverSeq", r.state.Seq()}, attributes...)...)
	r.end(errReopen)
	return errReopen
}

// reconciled is the result of reading the log for a group that met a conflict.
type reconciled struct {
	own   int  // batches of the group, from the first, that an earlier attempt has committed
	moved bool // the log had batches that the room did not know
}

// reconcile folds the batches that the log has beyond the room's state. An error means that the room or the committer has
// stopped. The track's other rooms wait meanwhile, so a room that takes longer than a transaction is reopened instead.
func (t *track) reconcile(p group) (result reconciled, err error) {
	r := p.room
	var latest time.Time // zero: the first page has not been read
	for {
		page, err := t.readLog(r, replayPage)
		if err != nil || len(page) == 0 {
			return result, err
		}
		result.moved = true
		if err = r.foldOthers(page); err != nil {
			return result, err
		}
		for _, b := range page {
			if result.own < len(p.batches) && b.equal(p.batches[result.own].Batch) {
				result.own++
			}
		}
		switch now := time.Now(); {
		case latest.IsZero():
			latest = now.Add(t.pace.timeout)
		case now.After(latest):
			return result, r.reopen("the log of other servers' batches is too long")
		}
	}
}

// readLog reads the next page of the log beyond the room's state. It retries until the database responds. If the database
// responds and the read is too slow or fails again and again, the room is reopened: that does not use the track, and has no
// limit on the time of a read that makes progress.
func (t *track) readLog(r *Room, page Page) (batches []*Batch, err error) {
	// The database has responded when readLog returns. The flight may end without an attempt that would end the outage.
	defer t.databaseUp()
	c, failures := t.c, 0
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		slow := false
		err = c.call(t.pace.timeout, func(ctx context.Context) (err error) {
			batches, err = r.store.Log(ctx, r.name, r.state.Seq(), page)
			slow = ctx.Err() != nil || errors.Is(err, ErrTooSlow)
			return err
		})
		switch {
		case err == nil:
			return batches, nil
		case errors.Is(err, ErrHistoryChanged), errors.Is(err, ErrGone):
			return nil, r.hub.storeError(r.store, err, "reading the log after a conflict")
		case c.call(t.pace.timeout, r.store.Ping) != nil:
			c.logOutage("reading the log after a conflict", err)
		default:
			if failures++; slow || failures >= maxUnexplained {
				return nil, r.reopen("its log cannot be read", "error", err, reported(err))
			}
		}
		c.cfg.Metrics.Retried()
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrClosing, err)
		}
	}
}

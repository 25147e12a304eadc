package core

import (
	"errors"
	"fmt"
	"time"
)

// Limits on the attempts of a single batch, counted by submission.countAttempt.
const (
	// maxStrikes: after this many failures while the database committed other transactions, the batch is at fault.
	maxStrikes = 3
	// maxUnexplained: after this many unexplained errors the batch is at fault, with or without other transactions.
	maxUnexplained = 8
	// maxAttempts: after this many failures of any kind the sender gets an error, if the log does not have the batch.
	maxAttempts = 30
)

const (
	maxSlowCommits = 16               // commits that timed out and wait on the isolated track
	isolationTime  = 10 * time.Second // how long a room is isolated after the database rejected one of its batches
)

// failed finds the batch that the database rejects: several batches are split, a single one is refused.
func (t *track) failed(a attempt) {
	if a.batches > 1 {
		t.split(a)
		return
	}
	p := a.head[0]
	s := p.submissions[0]
	s.countAttempt(a.othersCommitted)
	if !errors.Is(a.err, ErrRejected) && s.strikes < maxStrikes && s.attempts < maxUnexplained {
		t.retryIsolated(a)
		return
	}
	t.c.cfg.Log.Error("database rejects a batch; the sender gets an error", "room", p.room.name, "key", s.Key,
		"client", s.ClientID, "clientSeq", s.ClientSeq, "attempts", s.attempts, "error", a.err, reported(a.err))
	err := a.err
	if !errors.Is(err, ErrRejected) {
		err = fmt.Errorf("%w: %w", ErrRejected, err)
	}
	t.reject(a, err)
}

// reject refuses the single batch of an attempt. Later batches of its group are decided again.
func (t *track) reject(a attempt, err error) {
	p := a.head[0]
	t.c.cfg.Metrics.Rejected()
	t.c.isolate(p.room)
	t.c.answer(p.submissions[0], Answer{}, err)
	t.c.finish(p.room, p.submissions[1:])
	t.add(a.withGroups(a.rest, a.size))
}

// split moves a failed attempt to the isolated track, which continues it in smaller pieces.
func (t *track) split(a attempt) {
	t.add(a.withGroups(a.rest, a.size))
	t.c.tracks[isolatedTrack].add(a.withGroups(a.head, max(1, a.batches/splitBy)))
}

// retryIsolated moves the single batch of an attempt to the isolated track, which retries it after a delay.
func (t *track) retryIsolated(a attempt) {
	t.add(a.withGroups(a.rest, a.size))
	f := a.withGroups(a.head, 1)
	f.wait = a.wait
	t.c.tracks[isolatedTrack].add(f.delay())
}

// timedOut continues after an attempt that timed out; the fate of its batches is unknown. The first timeout after a success
// is attributed to the batches, which move to the isolated track. A second one in a row on the same track is treated as an
// outage.
func (t *track) timedOut(a attempt) {
	isolated := t.c.tracks[isolatedTrack]
	t.c.mu.Lock()
	fits, closing := len(isolated.commits) < maxSlowCommits, t.c.queue.closing
	t.c.mu.Unlock()
	again := t.slow
	t.slow = true
	if a.batches == 1 {
		s := a.head[0].submissions[0]
		s.countAttempt(a.othersCommitted)
		if s.strikes >= maxStrikes || s.attempts >= maxAttempts || closing {
			t.giveUp(a, s.strikes >= maxStrikes)
			return
		}
	}
	if t != isolated && (again || !fits) {
		t.databaseDown(a.err)
		t.add(a.withGroups(a.rest, a.size).delay())
		f := a.withGroups(a.head, max(1, a.batches/splitBy))
		f.wait = a.wait
		t.add(f.delay())
		return
	}
	t.c.cfg.Log.Warn("transaction timed out; retrying in smaller pieces", "batches", a.batches, "error", a.err)
	if a.batches == 1 {
		t.retryIsolated(a)
	} else {
		t.split(a)
	}
}

// outage retries an attempt after a delay until the database responds. If the database commits other transactions
// meanwhile, the attempt moves to the isolated track.
func (t *track) outage(a attempt) {
	f := a.commit
	if a.othersCommitted {
		f.failures++
	}
	isolated := t.c.tracks[isolatedTrack]
	if t.down = t != isolated || !a.othersCommitted; !a.othersCommitted {
		t.databaseDown(a.err)
	}
	if a.othersCommitted && (t != isolated && f.failures >= maxStrikes || t == isolated && a.batches > 1) {
		t.split(a)
		return
	}
	if a.batches == 1 && t == isolated {
		s := a.head[0].submissions[0]
		if s.countAttempt(a.othersCommitted); s.attempts >= maxAttempts && a.othersCommitted {
			t.giveUp(a, false)
			return
		}
	}
	t.add(f.delay())
}

// giveUp refuses the single batch of an attempt whose fate is unknown, unless the log has the batch. atFault says that the
// database commits other batches meanwhile, so a retry by the sender would fail too.
//
// The database may still commit the batch later. Then the room's next batch conflicts, the log is read, and readers get the
// batch after all.
func (t *track) giveUp(a attempt, atFault bool) {
	p := a.head[0]
	page, err := t.readLog(p.room, Page{Batches: 1})
	switch {
	case err != nil:
		t.c.refuse(p, err)
		t.add(a.withGroups(a.rest, a.size))
	case len(page) > 0:
		t.conflict(a)
	case atFault:
		s := p.submissions[0]
		t.c.cfg.Log.Error("batch takes too long; the sender gets an error", "room", p.room.name, "client", s.ClientID,
			"clientSeq", s.ClientSeq, "ops", s.rows(), "attempts", s.attempts, "error", a.err, reported(a.err))
		t.reject(a, fmt.Errorf("%w: it takes too long", ErrRejected))
	default:
		t.reject(a, fmt.Errorf("%w: appending to the log: %w", ErrUnavailable, a.err))
	}
}

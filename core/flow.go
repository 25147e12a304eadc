package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// flow is the goroutine of one track: it takes groups from the queue and finds out the fate of each before it takes the
// next. A group that fails for its data, or that is too slow, goes to the suspect track, which commits it in ever smaller
// pieces. So it keeps no other room waiting.
type flow struct {
	c     *committer
	track int
	wake  chan struct{} // has a token when there may be something to do

	// Of the goroutine alone.
	pace pace
	slow bool // the last attempt did not end in time
	down bool // the last attempt failed and is repeated before anything else is taken

	flights []*flight // to be continued. The committer's lock guards it.
}

const (
	// An attempt of a single batch fails in the way of an outage, or ends with an unexplained error or out of time. After
	// so many of them, while the database has committed other transactions, the batch is at fault.
	maxStrikes = 3
	// After so many attempts with an unexplained error it is, whether or not there have been other transactions.
	maxUnexplained = 8
	// After so many of any kind its sender gets an error and has to send it again, once the log shows that it is not there.
	maxAttempts = 30
	// maxSlowFlights bounds how many groups that were too slow the suspect track has at a time.
	maxSlowFlights = 16
	// suspicion is how long the batches of a room are committed apart after one of them was at fault.
	suspicion = 10 * time.Second
)

func (w *flow) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // it has a token already
	}
}

func (w *flow) run() {
	w.sleep(0)
	for {
		f, wait, ended := w.next()
		switch {
		case ended:
			return
		case f != nil:
			w.attempt(f)
		default:
			w.sleep(wait)
		}
	}
}

// next returns the flight to attempt now, or else how long there is none unless the track is woken; 0: until it is.
func (w *flow) next() (f *flight, wait time.Duration, ended bool) {
	c := w.c
	c.mu.Lock()
	now := time.Now()
	for i, f := range w.flights {
		d := f.due.Sub(now)
		if d <= 0 || c.life.Err() != nil {
			w.flights = slices.Delete(w.flights, i, i+1)
			c.mu.Unlock()
			return f, 0, false
		}
		if wait == 0 || d < wait {
			wait = d
		}
	}
	var group []flown
	full := false
	if !w.down || len(w.flights) == 0 {
		group, full = c.queue.take(w.track, w.pace.bounds())
	}
	ended = c.queue.closing && c.queue.open == 0
	c.mu.Unlock()
	if len(group) > 0 {
		return c.decide(group, full), 0, false
	}
	return nil, wait, ended
}

// sleep waits for something to do. It then lets more batches gather if the operator has asked for fewer and larger
// transactions.
func (w *flow) sleep(wait time.Duration) {
	var due <-chan time.Time
	over := w.c.life.Done()
	if wait > 0 {
		due = time.After(wait)
	} else {
		over = nil // there is nothing to give up
	}
	select {
	case <-w.wake:
	case <-due:
		return
	case <-over:
		return
	}
	if w.c.cfg.CommitWindow > 0 {
		select {
		case <-time.After(w.c.cfg.CommitWindow):
		case <-w.c.life.Done():
		}
	}
}

// push has a track continue a flight.
func (w *flow) push(f *flight) {
	if len(f.parts) == 0 {
		return
	}
	w.c.mu.Lock()
	w.flights = append(w.flights, f)
	w.c.mu.Unlock()
	w.nudge()
}

// attempt makes one attempt to log the next piece of a flight.
func (w *flow) attempt(f *flight) {
	head, rest := f.next()
	if len(head) == 0 {
		return
	}
	c := w.c
	batches, rows, bytes := attempted(head)
	limit := w.pace.patience
	if len(batches) == 1 { // more of them can be split when they take too long
		limit += allowance(rows, bytes)
	}
	others, began := c.succeeded.Load(), time.Now()
	ctx, cancel := context.WithTimeout(c.life, limit)
	// All rooms of a flight have one store: its rooms were in the queue together, and a room takes no batches any more
	// before rooms of the next history are opened.
	first := head[0].room
	err := first.store.Append(ctx, batches)
	late := ctx.Err() != nil
	cancel()
	t := trial{f, head, rest, len(batches), c.succeeded.Load() != others, err}
	switch {
	case err == nil:
		w.answered()
		c.succeeded.Add(1)
		w.pace.committed(time.Since(began), f.full)
		c.cfg.Recorder.Committed(batches, time.Since(f.began))
		last := batches[len(batches)-1]
		first.hub.saw(first.store, last.Room, last.ServerSeq)
		w.committed(t)
	case errors.Is(err, ErrConflict):
		w.answered()
		w.conflicted(t)
	case errors.Is(err, ErrHistoryChanged):
		w.answered()
		first.hub.leave(first.store, err)
		for _, p := range f.parts {
			c.refuse(p, err)
		}
	case errors.Is(err, ErrGone):
		// It may not come back, so the senders are not kept waiting. A batch that is in it after all makes a conflict with
		// the next of its room, and is read then.
		w.answered()
		first.hub.watcher.found(first.store, err)
		for _, p := range f.parts {
			c.refuse(p, fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
	case errors.Is(err, ErrRejected), errors.Is(err, ErrUnexplained):
		w.answered()
		w.failed(t)
	case c.life.Err() != nil:
		for _, p := range f.parts {
			c.refuse(p, fmt.Errorf("%w: %w", ErrClosing, err))
		}
	case late, errors.Is(err, ErrTooSlow):
		c.cfg.Recorder.Retried()
		w.pace.timedOut()
		w.tooSlow(t)
	default:
		c.cfg.Recorder.Retried()
		w.outage(t)
	}
}

// trial is an attempt and what came of it.
type trial struct {
	*flight
	head, rest []part
	batches    int  // in head
	others     bool // another transaction has been committed meanwhile
	err        error
}

// answered notes that the database has answered, one way or the other.
func (w *flow) answered() {
	w.slow, w.down = false, false
	w.c.outage.Store(false)
}

// unanswered has new batches refused until the database answers.
func (w *flow) unanswered(err error) {
	w.down = true
	if !w.c.outage.Swap(true) {
		w.c.cfg.Log.Warn("the database does not answer; writes are refused until it does", "doing", "logging batches", "error", err)
	}
}

func (w *flow) committed(t trial) {
	left := t.rest
	for _, p := range t.head {
		if p = w.c.settle(p); len(p.batches) > 0 {
			left = append(left, p)
		}
	}
	w.push(t.again(left, t.size))
}

// conflicted finds out from the log what became of the batches. Either they are there, because an earlier attempt
// succeeded and its answer was lost; or another server's batches are, and these have to be decided anew.
func (w *flow) conflicted(t trial) {
	c := w.c
	finds := make([]found, len(t.head))
	explained := false
	for i, p := range t.head {
		f, err := c.look(p)
		finds[i] = f
		if err != nil {
			c.refuse(p, err)
			t.head[i].submissions = nil
		}
		explained = explained || f.moved || err != nil
	}
	if !explained {
		w.contradicted(t)
		return
	}
	for i, p := range t.head {
		if p.submissions == nil {
			continue
		}
		if n := finds[i].own; n > 0 {
			c.cfg.Recorder.Committed(batchesOf(p.batches[:n]), time.Since(t.began))
			c.accept(p, n)
		}
		c.end(p.room, p.submissions[finds[i].own:])
	}
	w.push(t.again(t.rest, t.size))
}

// contradicted ends an attempt that met a conflict which the log does not show. A database that does that needs an
// operator; to repeat the attempt would change nothing.
func (w *flow) contradicted(t trial) {
	if t.batches > 1 {
		w.split(t)
		return
	}
	p := t.head[0]
	w.c.cfg.Log.Error("the database reports a conflict that its log does not show; the batch is refused. "+
		"Look for rows of this room beyond this number, and for unique indexes that are not pathsync's",
		"room", p.room.name, "serverSeq", p.batches[0].ServerSeq, "error", t.err, reported(t.err))
	w.c.cfg.Recorder.Contradicted()
	w.reject(t, fmt.Errorf("%w: a conflict that the log does not show", ErrRejected))
}

// failed narrows down which batch a transaction failed for, and refuses that one alone.
func (w *flow) failed(t trial) {
	if t.batches > 1 {
		w.split(t)
		return
	}
	p := t.head[0]
	s := p.submissions[0]
	s.attempted(t.others)
	if !errors.Is(t.err, ErrRejected) && s.strikes < maxStrikes && s.attempts < maxUnexplained {
		w.repeatApart(t)
		return
	}
	w.c.cfg.Log.Error("the database refuses a batch; its sender gets an error", "room", p.room.name, "key", s.Key,
		"client", s.ClientID, "clientSeq", s.ClientSeq, "attempts", s.attempts, "error", t.err, reported(t.err))
	err := t.err
	if !errors.Is(err, ErrRejected) {
		err = fmt.Errorf("%w: %w", ErrRejected, err)
	}
	w.reject(t, err)
}

// attempted counts an attempt of the batch alone. others: the database has committed another transaction meanwhile.
func (s *submission) attempted(others bool) {
	s.attempts++
	if others {
		s.strikes++
	}
}

// reject refuses the one batch of an attempt. Those behind it in its room are decided anew.
func (w *flow) reject(t trial, err error) {
	p := t.head[0]
	w.c.cfg.Recorder.Rejected()
	w.c.suspect(p.room)
	w.c.answer(p.submissions[0], Answer{}, err)
	w.c.end(p.room, p.submissions[1:])
	w.push(t.again(t.rest, t.size))
}

// split has the suspect track continue what failed, in smaller pieces.
func (w *flow) split(t trial) {
	w.push(t.again(t.rest, t.size))
	w.c.flows[suspectTrack].push(t.again(t.head, max(1, t.batches/splitBy)))
}

// repeatApart has the suspect track repeat the one batch of an attempt, after a wait.
func (w *flow) repeatApart(t trial) {
	w.push(t.again(t.rest, t.size))
	f := t.again(t.head, 1)
	f.wait = t.wait
	w.c.flows[suspectTrack].push(f.later())
}

// tooSlow continues after an attempt that did not end in time. The fate of its batches is open. The first one after a
// success is taken for the fault of the batches, and goes to the suspect track; a second one in a row on the same track is
// taken for an outage.
func (w *flow) tooSlow(t trial) {
	suspects := w.c.flows[suspectTrack]
	w.c.mu.Lock()
	room, closing := len(suspects.flights) < maxSlowFlights, w.c.queue.closing
	w.c.mu.Unlock()
	again := w.slow
	w.slow = true
	if t.batches == 1 {
		s := t.head[0].submissions[0]
		s.attempted(t.others)
		if s.strikes >= maxStrikes || s.attempts >= maxAttempts || closing {
			w.giveUp(t, s.strikes >= maxStrikes)
			return
		}
	}
	if w != suspects && (again || !room) {
		w.unanswered(t.err)
		w.push(t.again(t.rest, t.size).later())
		f := t.again(t.head, max(1, t.batches/splitBy))
		f.wait = t.wait
		w.push(f.later())
		return
	}
	w.c.cfg.Log.Warn("a transaction did not end in time; it is repeated in smaller pieces", "batches", t.batches, "error", t.err)
	if t.batches == 1 {
		w.repeatApart(t)
	} else {
		w.split(t)
	}
}

// outage repeats an attempt after a wait, until the database can be used. When others succeed meanwhile, the suspect track
// continues it.
func (w *flow) outage(t trial) {
	f := t.flight
	if t.others {
		f.failures++
	}
	suspects := w.c.flows[suspectTrack]
	if w.down = w != suspects || !t.others; !t.others {
		w.unanswered(t.err)
	}
	if t.others && (w != suspects && f.failures >= maxStrikes || w == suspects && t.batches > 1) {
		w.split(t)
		return
	}
	if t.batches == 1 && w == suspects {
		s := t.head[0].submissions[0]
		if s.attempted(t.others); s.attempts >= maxAttempts && t.others {
			w.giveUp(t, false)
			return
		}
	}
	w.push(f.later())
}

// giveUp refuses the one batch of an attempt whose fate is open, after a look into the log for it. atFault: the database
// commits others meanwhile, and would not do with the same batch later.
//
// A database that commits the batch after that, long after the end of the call, makes a conflict with the next batch of
// the room. The log is then read, and readers see the batch after all.
func (w *flow) giveUp(t trial, atFault bool) {
	ctx, cancel := context.WithTimeout(w.c.life, w.c.cfg.StoreTimeout)
	p := t.head[0]
	page, err := p.room.store.Log(ctx, p.room.name, p.room.state.Seq(), Page{Batches: 1})
	cancel()
	if err == nil || errors.Is(err, ErrHistoryChanged) { // the flight may end, and no attempt would find this out afterwards
		w.answered()
	}
	switch {
	case errors.Is(err, ErrHistoryChanged):
		w.reject(t, p.room.hub.explain(p.room.store, err, "looking for the batch"))
	case err != nil:
		w.repeatApart(t)
	case len(page) > 0:
		w.conflicted(t)
	case atFault:
		w.c.cfg.Log.Error("the database is too slow with a batch; its sender gets an error", "room", p.room.name,
			"client", p.submissions[0].ClientID, "clientSeq", p.submissions[0].ClientSeq, "ops", p.submissions[0].rows(),
			"attempts", p.submissions[0].attempts, "error", t.err, reported(t.err))
		w.reject(t, fmt.Errorf("%w: it takes too long", ErrRejected))
	default:
		w.reject(t, fmt.Errorf("%w: logging the batch: %w", ErrUnavailable, t.err))
	}
}

// readLog reads a page of the log beyond the room's state, as often as it takes the database to answer.
func (c *committer) readLog(r *Room) ([]*Batch, error) {
	// It has answered when this returns. The conflict may end the flight, and no attempt would find that out afterwards.
	defer c.outage.Store(false)
	unexplained := 0
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		ctx, cancel := context.WithTimeout(c.life, c.cfg.StoreTimeout)
		page, err := r.store.Log(ctx, r.name, r.state.Seq(), replayPage)
		cancel()
		if err == nil {
			return page, nil
		}
		if errors.Is(err, ErrHistoryChanged) || errors.Is(err, ErrGone) {
			return nil, r.hub.explain(r.store, err, "reading the log after a conflict")
		}
		if errors.Is(err, ErrUnexplained) || errors.Is(err, ErrRejected) {
			if unexplained++; unexplained >= maxUnexplained {
				err = fmt.Errorf("%w: its log cannot be read: %w", ErrCorrupt, err)
				r.mu.Lock()
				r.fail(err)
				r.mu.Unlock()
				return nil, err
			}
		}
		c.cfg.Recorder.Retried()
		if !c.outage.Swap(true) {
			c.cfg.Log.Warn("the database does not answer; writes are refused until it does", "doing", "reading the log after a conflict", "error", err)
		}
		select {
		case <-time.After(wait):
		case <-c.life.Done():
			return nil, fmt.Errorf("%w: %w", ErrClosing, err)
		}
	}
}

// reported is a log attribute with the database's own text, which the error's text leaves out.
func reported(err error) slog.Attr {
	var r interface{ Reported() string }
	if errors.As(err, &r) {
		return slog.String("reported", r.Reported())
	}
	return slog.Attr{}
}

package core

import (
	"runtime"
	"slices"
	"time"
)

// track is one goroutine of the committer. It takes batches from the queue and finds out the fate of each transaction
// before it begins the next. A transaction that fails because of its data, or times out, moves to the isolated track, which
// commits it in smaller pieces. So it does not delay other rooms.
type track struct {
	c    *committer
	id   int
	wake chan struct{} // has a token when there may be something to do

	// Only the goroutine uses these.
	pace pace
	wait time.Duration // before the next transaction, for more batches
	slow bool          // the last attempt timed out
	down bool          // the last attempt failed, and is repeated before the track takes new batches

	commits []*commit // to be continued; the committer's lock guards it
}

// notify wakes the goroutine.
func (t *track) notify() {
	select {
	case t.wake <- struct{}{}:
	default: // it has a token already
	}
}

func (t *track) run() {
	t.sleep(0)
	for {
		f, wait, ended := t.next()
		switch {
		case ended:
			return
		case f != nil:
			t.wait = 0
			t.try(f)
			time.Sleep(t.wait)
		default:
			t.sleep(wait)
		}
	}
}

// next returns the commit to attempt now. When there is none, it returns the time until the next retry is due, or 0.
func (t *track) next() (f *commit, wait time.Duration, ended bool) {
	c := t.c
	c.mu.Lock()
	now := time.Now()
	for i, f := range t.commits {
		d := f.due.Sub(now)
		if d <= 0 || c.ctx.Err() != nil {
			t.commits = slices.Delete(t.commits, i, i+1)
			c.mu.Unlock()
			return f, 0, false
		}
		if wait == 0 || d < wait {
			wait = d
		}
	}
	var groups []group
	full := false
	if !t.down || len(t.commits) == 0 {
		groups, full = c.queue.take(t.id, t.pace.bounds())
	}
	ended = c.queue.ended()
	c.mu.Unlock()
	if len(groups) > 0 {
		return c.decide(groups, full), 0, false
	}
	return nil, wait, ended
}

// sleep blocks until the track is woken or the wait is over; 0 is no limit. After a wake-up it lets batches gather for
// Config.CommitWindow.
func (t *track) sleep(wait time.Duration) {
	var due <-chan time.Time
	cancelled := t.c.ctx.Done()
	if wait > 0 {
		due = time.After(wait)
	} else {
		cancelled = nil // no commit is pending that cancellation would end
	}
	select {
	case <-t.wake:
	case <-due:
		return
	case <-cancelled:
		return
	}
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.Gosched() // the scheduler runs a woken goroutine first, before others that are about to queue batches
	}
	if t.c.cfg.CommitWindow > 0 {
		select {
		case <-time.After(t.c.cfg.CommitWindow):
		case <-t.c.ctx.Done():
		}
	}
}

// add gives the track a commit to continue. It ignores one without groups.
func (t *track) add(f *commit) {
	if len(f.groups) == 0 {
		return
	}
	t.c.mu.Lock()
	t.commits = append(t.commits, f)
	t.c.mu.Unlock()
	t.notify()
}

// databaseUp records that the database has responded, whatever the response.
func (t *track) databaseUp() {
	t.slow, t.down = false, false
	t.c.outage.Store(false)
}

// databaseDown refuses new batches until the database responds.
func (t *track) databaseDown(err error) {
	t.down = true
	t.c.logOutage("appending to the log", err)
}

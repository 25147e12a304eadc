package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// committer makes batches durable. It is one goroutine, and the only one that changes the states of rooms: it gathers
// what all rooms have waiting, decides it, logs it in one transaction, and then folds it. What arrives meanwhile waits
// for the next round, so that the more there is to do, the more each transaction carries (group commit).
//
// Once a group has been handed to the store, its fate is found out before anything else is done: the append is repeated
// with the same numbers until it succeeds, or until the log shows what happened.
type committer struct {
	worker
	cfg *Config

	mu      sync.Mutex
	rooms   []*Room // that have batches waiting
	closing bool

	queued   atomic.Int64 // bytes of all batches that have not been answered
	outage   atomic.Bool  // the database does not answer; the group under way is being repeated
	oneByOne int          // so many batches to commit each in a transaction of its own
}

// Bounds of one transaction, beyond which batches wait for the next. A single batch may be larger.
const (
	groupBatches = 2000
	groupBytes   = 8 << 20
)

// Waits between attempts while the database does not answer.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = time.Second
)

func newCommitter(cfg *Config) *committer {
	return &committer{worker: newWorker(), cfg: cfg}
}

// part is what one room has in a group: each submission with the batch that it has become.
type part struct {
	room        *Room
	submissions []*submission
	batches     []Decision
}

// admit counts a submission in, or says why no more can be taken.
func (c *committer) admit(s *submission) error {
	if c.outage.Load() {
		return fmt.Errorf("%w: it has not answered lately", ErrUnavailable)
	}
	n := int64(s.bytes())
	queued := c.queued.Add(n) // counted before closing is read, so that the goroutine does not end before it is answered
	c.mu.Lock()
	closing := c.closing
	c.mu.Unlock()
	switch {
	case closing:
		c.queued.Add(-n)
		return ErrClosing
	case queued > int64(c.cfg.MaxQueuedBytes):
		c.queued.Add(-n)
		return fmt.Errorf("%w: too many batches wait for the database", ErrOverloaded)
	}
	return nil
}

// note has the committer come by a room that has batches waiting.
func (c *committer) note(r *Room) {
	c.mu.Lock()
	c.rooms = append(c.rooms, r)
	c.mu.Unlock()
	c.nudge()
}

// close commits what is waiting and ends the goroutine, or gives up when ctx ends.
func (c *committer) close(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	return c.finish(ctx, "committing what is waiting")
}

func (c *committer) run() {
	defer close(c.done)
	for {
		rooms, closing := c.take()
		if len(rooms) == 0 {
			if closing && c.queued.Load() == 0 {
				return
			}
			<-c.wake
			c.linger()
			continue
		}
		if group := c.gather(rooms); len(group) > 0 {
			c.commit(group)
		}
	}
}

// linger lets more batches gather before they are committed, if the operator has asked for fewer and larger transactions.
func (c *committer) linger() {
	if c.cfg.CommitWindow <= 0 {
		return
	}
	select {
	case <-time.After(c.cfg.CommitWindow):
	case <-c.life.Done():
	}
}

func (c *committer) take() (rooms []*Room, closing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rooms, c.rooms = c.rooms, nil
	return rooms, c.closing
}

// gather takes from the rooms' queues what goes into the next transaction, and decides it.
func (c *committer) gather(rooms []*Room) []part {
	var group []part
	now := time.Now().UnixMilli()
	batches, bytes := groupBatches, groupBytes
	if c.oneByOne > 0 {
		batches = 1
		c.oneByOne--
	}
	for _, r := range rooms {
		r.mu.Lock()
		if batches > 0 && bytes > 0 {
			if p := r.next(&batches, &bytes, now); len(p.batches) > 0 {
				r.inFlight = true
				group = append(group, p)
			}
		}
		if !r.inFlight && len(r.queue) > 0 { // otherwise the room comes again when its part is settled
			c.note(r)
		}
		r.mu.Unlock()
	}
	return group
}

// next takes submissions from the queue within what is left of a transaction's bounds, and decides them. The lock is
// held.
func (r *Room) next(batches, bytes *int, now int64) part {
	type number struct {
		clientID  string
		clientSeq int64
	}
	p := part{room: r}
	var proposals []*Proposal
	taken := map[number]bool{}
	rest := r.queue[:0]
	for i, s := range r.queue {
		if *batches <= 0 || *bytes <= 0 {
			rest = append(rest, r.queue[i:]...)
			break
		}
		if s.ClientSeq != NoClientSeq {
			n := number{s.ClientID, s.ClientSeq}
			if taken[n] { // when the first is in the log, this one is found to repeat it
				rest = append(rest, s)
				continue
			}
			if r.state.receipts.look(s.ClientID, s.ClientSeq, s.absentUpTo) != unseen {
				s.answer(Answer{}, errLookAgain)
				continue
			}
			taken[n] = true
		}
		p.submissions = append(p.submissions, s)
		proposals = append(proposals, s.Proposal)
		*batches--
		*bytes -= s.bytes()
	}
	clear(r.queue[len(rest):])
	r.queue = rest
	p.batches = r.state.Decide(proposals, now)
	return p
}

// commit logs a group and settles each part of it.
func (c *committer) commit(group []part) {
	var all []*Batch
	for _, p := range group {
		for _, b := range p.batches {
			all = append(all, b.Batch)
		}
	}
	began := time.Now()
	err := c.append(all)
	if err == nil {
		c.cfg.Recorder.Committed(all, time.Since(began))
	}
	for _, p := range group {
		switch {
		case err == nil:
			p.settle(p.batches)
		case errors.Is(err, ErrConflict):
			c.reconcile(p, began)
		case errors.Is(err, ErrRejected) && len(all) > 1:
			p.putBack(p.submissions)
		default:
			p.refuse(err)
		}
	}
	if errors.Is(err, ErrRejected) && len(all) > 1 {
		c.oneByOne = len(all) // finds the one that the database refuses, and spares the others
	}
}

// append repeats an append until its fate is known: nil, or an error that wraps ErrConflict, ErrRejected or ErrClosing.
func (c *committer) append(all []*Batch) error {
	return c.persist("logging batches", func(ctx context.Context) error { return c.cfg.Store.Append(ctx, all) })
}

// persist repeats a call of the store until the database has answered it, one way or the other.
func (c *committer) persist(doing string, call func(context.Context) error) error {
	defer c.outage.Store(false)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		ctx, cancel := context.WithTimeout(c.life, c.cfg.StoreTimeout)
		err := call(ctx)
		cancel()
		if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrRejected) {
			return err
		}
		c.cfg.Recorder.Retried()
		if !c.outage.Swap(true) {
			c.cfg.Log.Warn("the database does not answer; writes are refused until it does", "doing", doing, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-c.life.Done():
			return fmt.Errorf("%w: %w", ErrClosing, err)
		}
	}
}

// reconcile finds out from the log what became of a part that met a conflict. Either its own batches are there, because
// an earlier attempt succeeded and its answer was lost; or another server's are, and the part's have to be decided anew.
func (c *committer) reconcile(p part, began time.Time) {
	r := p.room
	var own []Decision
	for pending := p.batches; ; {
		var page []*Batch
		err := c.persist("reading the log after a conflict", func(ctx context.Context) (err error) {
			page, err = c.cfg.Store.Log(ctx, r.name, r.state.Seq(), replayPage)
			return err
		})
		if err != nil {
			p.refuse(err)
			return
		}
		if len(page) == 0 {
			break
		}
		r.mu.Lock()
		for _, b := range page {
			if err = r.state.Fold(b); err != nil {
				break
			}
			if len(pending) > 0 && b.equal(pending[0].Batch) {
				own, pending = append(own, pending[0]), pending[1:]
			}
		}
		if err != nil {
			r.fail(err)
			r.mu.Unlock()
			p.refuse(err)
			return
		}
		r.noteUnsaved()
		r.listener.Committed(page)
		r.mu.Unlock()
	}
	if len(own) > 0 {
		c.cfg.Recorder.Committed(batchesOf(own), time.Since(began))
	}
	p.answer(own)
	p.putBack(p.submissions[len(own):])
}

func batchesOf(decisions []Decision) []*Batch {
	batches := make([]*Batch, len(decisions))
	for i, d := range decisions {
		batches[i] = d.Batch
	}
	return batches
}

// settle folds a part's batches, which are in the log now, and answers their senders.
func (p part) settle(batches []Decision) {
	p.room.mu.Lock()
	err := p.room.committed(batches)
	if err != nil {
		p.room.fail(err)
	}
	p.room.mu.Unlock()
	if err != nil {
		p.refuse(err)
		return
	}
	p.answer(batches)
	p.putBack(nil)
}

// answer tells the senders of a part's first batches that they are in the log.
func (p part) answer(batches []Decision) {
	for i, b := range batches {
		s := p.submissions[i]
		s.answer(Answer{Batch: b.Batch, FilledIn: s.FilledIn}, nil)
	}
}

// refuse tells the senders of a part that it came to nothing.
func (p part) refuse(err error) {
	for _, s := range p.submissions {
		s.answer(Answer{}, err)
	}
	p.putBack(nil)
}

// putBack ends a part: what is still to be done goes to the front of the room's queue.
func (p part) putBack(submissions []*submission) {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight = false
	r.queue = slices.Concat(submissions, r.queue)
	if len(r.queue) > 0 {
		r.hub.committer.note(r)
	}
}

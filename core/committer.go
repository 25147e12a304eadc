package core

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// committer makes batches durable. It gathers the batches that wait in all rooms, decides them, logs them in one
// transaction, and then folds them. Batches that arrive meanwhile wait for the next transaction, so that the more there
// is to do, the more each transaction carries (group commit).
//
// It has one goroutine for each track: small batches, large batches, and batches that have made a transaction fail. A
// room is in flight on one track at a time, and only that track's goroutine changes its state.
type committer struct {
	worker
	cfg *Config

	flows     [tracks]*flow
	outage    atomic.Bool  // the database does not answer; new batches are refused
	succeeded atomic.Int64 // transactions that the database has committed

	mu    sync.Mutex
	queue commitQueue
}

func newCommitter(cfg *Config) *committer {
	c := &committer{worker: newWorker(), cfg: cfg, queue: newCommitQueue(int64(cfg.MaxQueuedBytes))}
	for track := range c.flows {
		c.flows[track] = &flow{c: c, track: track, wake: make(chan struct{}, 1), pace: newPace(cfg.StoreTimeout)}
	}
	return c
}

func (c *committer) run() {
	defer close(c.done)
	var running sync.WaitGroup
	for _, f := range c.flows {
		running.Go(f.run)
	}
	running.Wait()
}

// close commits what waits and ends the goroutines, or gives up when ctx ends.
func (c *committer) close(ctx context.Context) error {
	c.mu.Lock()
	c.queue.close(time.Now())
	c.mu.Unlock()
	c.nudgeAll()
	return c.finish(ctx, "committing what is waiting")
}

func (c *committer) nudgeAll() {
	for _, f := range c.flows {
		f.nudge()
	}
}

// add queues a submission. committed is the highest clientSeq of its client in the log. The room's lock is held, so that
// the room cannot stop in between.
func (c *committer) add(s *submission, committed int64) error {
	if c.outage.Load() || s.room.hub.watcher.gone.Load() {
		return fmt.Errorf("%w: it has not answered lately", ErrUnavailable)
	}
	return c.change(&s.room.lane, func(now time.Time) error { return c.queue.add(&s.room.lane, s, committed, now) })
}

// change changes a lane and wakes the track that has to commit it.
func (c *committer) change(l *lane, how func(now time.Time) error) error {
	c.mu.Lock()
	was, before := l.state, l.track
	err := how(time.Now())
	track := l.track
	queued := l.state == laneQueued && (was != laneQueued || track != before)
	ended := c.queue.closing && c.queue.open == 0
	c.mu.Unlock()
	switch {
	case ended:
		c.nudgeAll()
	case queued:
		c.flows[track].nudge()
	}
	return err
}

// holds reports whether a submission waits for its predecessor.
func (c *committer) holds(s *submission) bool {
	if s.previous == NoClientSeq {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.state == submissionHeld
}

// release queues a submission although its predecessor has not arrived.
func (c *committer) release(s *submission) {
	_ = c.change(s.lane, func(now time.Time) error { c.queue.release(s, now); return nil })
}

// withdraw takes a submission back if it is not in flight. Nobody waits for its outcome any more.
func (c *committer) withdraw(s *submission) {
	_ = c.change(s.lane, func(now time.Time) error { c.queue.withdraw(s, now); return nil })
}

// reached queues submissions whose predecessors are among batches that another server has logged.
func (c *committer) reached(r *Room, batches []*Batch) {
	_ = c.change(&r.lane, func(now time.Time) error {
		for _, b := range batches {
			if len(c.queue.held) > 0 && b.ClientSeq != NoClientSeq {
				c.queue.reached(&r.lane, b.ClientID, b.ClientSeq, now)
			}
		}
		return nil
	})
}

// drain answers all submissions of a room that are not in flight.
func (c *committer) drain(r *Room, err error) {
	c.mu.Lock()
	all := c.queue.drain(&r.lane, time.Now())
	c.mu.Unlock()
	for _, s := range all {
		c.answer(s, Answer{}, err)
	}
}

// end ends a room's flight. Of its submissions, those in back are committed later, unless the room has stopped.
func (c *committer) end(r *Room, back []*submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		for _, s := range back {
			c.answer(s, Answer{}, r.err)
		}
		back = nil
	}
	_ = c.change(&r.lane, func(now time.Time) error { c.queue.finish(&r.lane, back, now); return nil })
}

// suspect has the room's batches committed apart from others for a while.
func (c *committer) suspect(r *Room) {
	c.mu.Lock()
	r.lane.suspectUntil = time.Now().Add(suspicion)
	c.mu.Unlock()
}

// answer gives a submission its outcome.
func (c *committer) answer(s *submission, a Answer, err error) {
	c.mu.Lock()
	c.queue.answered(s)
	ended := c.queue.closing && c.queue.open == 0
	c.mu.Unlock()
	s.done <- outcome{a, err} // it has room for one, and gets one
	if ended {
		c.nudgeAll()
	}
}

func (c *committer) idle(r *Room) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.lane.idle()
}

func (c *committer) queuedBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.bytes
}

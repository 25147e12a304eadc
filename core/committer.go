package core

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// committer makes batches durable by group commit. A transaction has the pending batches of many rooms. Batches that arrive
// during a transaction wait for the next one, so transactions grow with the load.
//
// It has one goroutine for each track: small batches, large batches, and isolated batches, which made a transaction fail.
// A room is in flight on one track at a time, and only that track changes its state.
type committer struct {
	worker
	cfg *Config

	tracks    [trackCount]*track
	outage    atomic.Bool  // the database does not respond: new batches are refused
	succeeded atomic.Int64 // committed transactions

	mu    sync.Mutex
	queue commitQueue
}

func newCommitter(cfg *Config) *committer {
	c := &committer{worker: newWorker(), cfg: cfg, queue: newCommitQueue(int64(cfg.MaxQueuedBytes))}
	for id := range c.tracks {
		c.tracks[id] = &track{c: c, id: id, wake: make(chan struct{}, 1), pace: newPace(cfg.StoreTimeout)}
	}
	return c
}

func (c *committer) run() {
	defer close(c.done)
	var running sync.WaitGroup
	for _, t := range c.tracks {
		running.Go(t.run)
	}
	running.Wait()
}

// close commits the pending batches and ends the goroutines. It gives up when ctx ends.
func (c *committer) close(ctx context.Context) error {
	c.mu.Lock()
	c.queue.close(time.Now())
	c.mu.Unlock()
	c.notifyAll()
	return c.shutdown(ctx, "committing the pending batches")
}

func (c *committer) notifyAll() {
	for _, t := range c.tracks {
		t.notify()
	}
}

// add queues a submission. committed is the highest clientSeq of its client in the log. The caller holds the room's lock, so
// the room cannot stop meanwhile.
func (c *committer) add(s *submission, committed int64) error {
	if c.outage.Load() || s.room.hub.watcher.gone.Load() {
		return fmt.Errorf("%w: it does not respond", ErrUnavailable)
	}
	return c.change(&s.room.queue, func(now time.Time) error { return c.queue.add(&s.room.queue, s, committed, now) })
}

// change changes a room's queue under the lock and wakes the track that commits the room.
func (c *committer) change(l *roomQueue, how func(now time.Time) error) error {
	c.mu.Lock()
	was, before := l.state, l.track
	err := how(time.Now())
	id := l.track
	queued := l.state == roomQueued && (was != roomQueued || id != before)
	ended := c.queue.ended()
	c.mu.Unlock()
	switch {
	case ended:
		c.notifyAll()
	case queued:
		c.tracks[id].notify()
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
	_ = c.change(s.queue, func(now time.Time) error { c.queue.release(s, now); return nil })
}

// withdraw removes a submission that is not in flight. Its sender no longer waits for the outcome.
func (c *committer) withdraw(s *submission) {
	_ = c.change(s.queue, func(now time.Time) error { c.queue.withdraw(s, now); return nil })
}

// releaseUpTo queues the submissions whose predecessors are among batches that another server has logged.
func (c *committer) releaseUpTo(r *Room, batches []*Batch) {
	_ = c.change(&r.queue, func(now time.Time) error {
		for _, b := range batches {
			if len(c.queue.held) > 0 && b.ClientSeq != NoClientSeq {
				c.queue.releaseUpTo(&r.queue, b.ClientID, b.ClientSeq, now)
			}
		}
		return nil
	})
}

// drain answers all submissions of a room that are not in flight with an error.
func (c *committer) drain(r *Room, err error) {
	c.mu.Lock()
	all := c.queue.drain(&r.queue, time.Now())
	c.mu.Unlock()
	for _, s := range all {
		c.answer(s, Answer{}, err)
	}
}

// finish ends the flight of a room. The submissions in requeue are committed later, or refused if the room has stopped.
func (c *committer) finish(r *Room, requeue []*submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		for _, s := range requeue {
			c.answer(s, Answer{}, r.err)
		}
		requeue = nil
	}
	_ = c.change(&r.queue, func(now time.Time) error { c.queue.finish(&r.queue, requeue, now); return nil })
}

// claim gives the caller a flight of a room, and reports whether it did before ctx ended. finish ends the flight.
func (c *committer) claim(ctx context.Context, r *Room) bool {
	c.mu.Lock()
	granted := c.queue.claim(&r.queue)
	c.mu.Unlock()
	select {
	case <-granted:
		return true
	case <-ctx.Done():
	}
	c.mu.Lock()
	withdrawn := c.queue.unclaim(&r.queue, granted)
	c.mu.Unlock()
	if !withdrawn {
		c.finish(r, nil)
	}
	return false
}

// isolate moves the room's batches to the isolated track for isolationTime.
func (c *committer) isolate(r *Room) {
	c.mu.Lock()
	r.queue.isolateUntil = time.Now().Add(isolationTime)
	c.mu.Unlock()
}

// answer sends a submission its outcome.
func (c *committer) answer(s *submission, a Answer, err error) {
	c.mu.Lock()
	c.queue.markAnswered(s)
	ended := c.queue.ended()
	c.mu.Unlock()
	s.done <- outcome{a, err} // does not block: the channel has room for the one outcome
	if ended {
		c.notifyAll()
	}
}

func (c *committer) idle(r *Room) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.queue.idle()
}

func (c *committer) queuedBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.bytes
}

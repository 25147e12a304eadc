package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// crowd is readers with a clientId in one room, which connect at the same time.
type crowd struct {
	*readers
	room   string
	all    []*reader
	posted int64 // batches of each writer
}

const (
	crowdTimeout = 2 * time.Minute
	missed       = 500 // batches
)

func newCrowd(s *Target, size int) *crowd {
	c := &crowd{readers: newReaders(size, false), room: s.name("crowd", 0)}
	for i := range size {
		c.all = append(c.all, newReader(s.name("c", i)))
	}
	return c
}

// connect opens the streams of all readers, and returns when all are up to date. Few connections are established at a
// time, because the system drops those beyond the backlog of the listener, and repeats them after a second.
func (c *crowd) connect(s *Target) error {
	const dialing = 64
	todo := make(chan *reader)
	failed := make(chan error, dialing)
	var dials sync.WaitGroup
	for range dialing {
		dials.Go(func() {
			for r := range todo {
				if err := c.dial(r, s, c.room); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for _, r := range c.all {
		select {
		case todo <- r:
		case err := <-failed:
			return err
		}
	}
	close(todo)
	dials.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	for i, r := range c.all {
		if err := r.await(crowdTimeout); err != nil {
			return fmt.Errorf("reader %d: %w", i, err)
		}
	}
	return nil
}

// awaitSilence returns when the readers have received nothing for four seconds, and says when they last did. The server
// collects presence changes for up to three seconds.
func (c *crowd) awaitSilence(s *Target) (last time.Time) {
	const interval, silence = 100 * time.Millisecond, 4 * time.Second
	last = time.Now()
	for bytes := c.bytes.Load(); time.Since(last) < silence && s.ctx.Err() == nil; s.sleep(interval) {
		if now := c.bytes.Load(); now != bytes {
			bytes, last = now, time.Now()
		}
	}
	return last
}

func (c *crowd) disconnect() {
	for _, r := range c.all {
		r.close()
	}
}

// write posts batches to the room.
func (c *crowd) write(ctx context.Context, s *Target, batches int) error {
	const posting = 25
	w, err := connect(s, posting, func(int) string { return c.room })
	if err != nil {
		return err
	}
	before := c.posted
	c.posted += int64(batches / posting)
	return w.run(ctx, func(ctx context.Context, _ int, w *writer) error {
		w.clientSeq = before
		for range batches / posting {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.post(); err != nil {
				return err
			}
		}
		return nil
	})
}

// measure connects all readers. The Report has the time until all are up to date, and what the server has used and sent
// until nothing more came.
func (c *crowd) measure(s *Target, r *Report) error {
	c.frames.Store(0)
	c.presence.Store(0)
	c.bytes.Store(0)
	c.deltas.Store(0)
	r.begin(s)
	if err := c.connect(s); err != nil {
		return err
	}
	r.value("seconds until all are up to date", time.Since(r.start).Seconds())
	r.add("all up to date after %.2f s", time.Since(r.start).Seconds())
	last := c.awaitSilence(s)
	r.end(s)
	r.add("the last presence list or change after %.2f s", last.Sub(r.start).Seconds())
	r.add("%d presence events", c.presence.Load())
	r.count("events wrong", c.wrong.Load())
	return nil
}

func join(_ context.Context, s *Target, o Options) (r Report, err error) {
	c := newCrowd(s, o.size)
	warmUp := &crowd{readers: c.readers, room: c.room, all: c.all[:1]} // the program is in memory before the start
	if err := warmUp.connect(s); err != nil {
		return r, err
	}
	warmUp.disconnect()
	if err := c.measure(s, &r); err != nil {
		return r, err
	}
	r.add("%d frames", c.frames.Load())
	r.add("%.1f MB sent", float64(c.bytes.Load())/1e6)
	c.disconnect()
	r.memoryAfter(s, r.began, o)
	return r, nil
}

func reconnect(ctx context.Context, s *Target, o Options) (Report, error) {
	return reconnectAll(ctx, s, o, func() error { return nil })
}

func reconnectAfterRestart(ctx context.Context, s *Target, o Options) (Report, error) {
	r, err := reconnectAll(ctx, s, o, s.restart)
	if err != nil {
		return r, err
	}
	reads, err := s.Metric("pathsync_log_page_reads_total")
	r.add("%.0f log reads", reads)
	r.add("at most %d MiB", r.ended.Peak>>20)
	return r, err
}

// reconnectAll disconnects all readers, posts batches, and measures how the readers resume. between runs before that.
func reconnectAll(ctx context.Context, s *Target, o Options, between func() error) (r Report, err error) {
	c := newCrowd(s, o.size)
	if err := c.write(ctx, s, 100); err != nil {
		return r, err
	}
	if err := c.connect(s); err != nil {
		return r, err
	}
	c.awaitSilence(s)
	c.disconnect()
	if err := c.write(ctx, s, missed); err != nil {
		return r, err
	}
	if err := between(); err != nil {
		return r, err
	}
	c.delivered.Store(0)
	if err := c.measure(s, &r); err != nil {
		return r, err
	}
	r.check("deliveries", int64(missed*o.size), c.delivered.Load())
	r.add("%.1f MB sent, %.2f × the missed batches", float64(c.bytes.Load())/1e6, float64(c.bytes.Load())/float64(c.deltas.Load()))
	c.disconnect()
	return r, nil
}

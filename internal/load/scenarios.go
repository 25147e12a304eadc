package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// writerGroup is the writers of a load.
type writerGroup struct {
	writers []*writer
}

// connect connects n writers, each to its room. The servers take turns.
func connect(s *Target, n int, room func(i int) string) (*writerGroup, error) {
	return connectTo(s.at, n, room)
}

// connectTo connects n writers, each to its server and room.
func connectTo(at func(i int) *Target, n int, room func(i int) string) (*writerGroup, error) {
	c := new(writerGroup)
	for i := range n {
		w, err := dialWriter(at(i), room(i), at(i).name("w", i))
		if err != nil {
			return nil, err
		}
		c.writers = append(c.writers, w)
	}
	return c, nil
}

// run calls part for all writers concurrently and waits for all of them. The first error is returned, and ends the contexts of the
// others.
func (c *writerGroup) run(ctx context.Context, part func(ctx context.Context, i int, w *writer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	failed := make(chan error, len(c.writers))
	for i, w := range c.writers {
		all.Go(func() {
			if err := part(ctx, i, w); err != nil {
				failed <- err
				cancel(err)
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed // nil if there was none
}

func (c *writerGroup) posted() (n int, latencies []time.Duration) {
	for _, w := range c.writers {
		latencies = append(latencies, w.latencies...)
	}
	return len(latencies), latencies
}

// awaitDeliveries waits until the readers have received a number of events, or have received nothing for 10 s.
func awaitDeliveries(s *Target, a *readers, want int64) {
	for last, idle := int64(-1), 0; a.delivered.Load() < want && idle < 100 && s.ctx.Err() == nil; s.sleep(100 * time.Millisecond) {
		if now := a.delivered.Load(); now == last {
			idle++
		} else {
			last, idle = now, 0
		}
	}
}

func durable(ctx context.Context, s *Target, o Options) (r Report, err error) {
	c, err := connect(s, 32, func(i int) string { return s.name("durable", i%8) })
	if err != nil {
		return r, err
	}
	if err := c.run(ctx, func(_ context.Context, _ int, w *writer) error { return w.post() }); err != nil { // opens the rooms
		return r, err
	}
	r.begin(s)
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	err = c.run(ctx, func(ctx context.Context, _ int, w *writer) error { return w.postUntil(ctx) })
	if err != nil {
		return r, err
	}
	r.end(s)
	n, latencies := c.posted()
	r.rate("durable batches/s", n)
	r.percentiles("POST to answer", latencies)
	var logged int64
	for i := range 8 {
		seq, err := s.lastSeq(s.name("durable", i))
		if err != nil {
			return r, err
		}
		logged += seq
	}
	r.check("batches answered and logged", int64(n), logged)
	return r, err
}

func rooms(ctx context.Context, s *Target, o Options) (r Report, err error) {
	const inRoom, pace = 5, 2 * time.Second
	clients := max(1, o.size/inRoom) * inRoom
	perRoom := make([]*readers, clients/inRoom)
	for i := range perRoom {
		perRoom[i] = newReaders(inRoom, true)
	}
	for i := range clients {
		if err := perRoom[i/inRoom].open(s, s.name("room", i/inRoom), s.name("w", i)); err != nil {
			return r, err
		}
	}
	c, err := connect(s, clients, func(i int) string { return s.name("room", i/inRoom) })
	if err != nil {
		return r, err
	}
	r.begin(s)
	posting, cancel := context.WithTimeout(ctx, max(o.Duration, 3*pace))
	defer cancel()
	err = c.run(posting, func(ctx context.Context, _ int, w *writer) error { return w.postEvery(ctx, rand.N(pace), pace) })
	if err != nil {
		return r, err
	}
	r.end(s)
	n, answers := c.posted()
	var all deliveries
	for i, a := range perRoom {
		sent := int64(0)
		for _, w := range c.writers[i*inRoom : (i+1)*inRoom] {
			sent += int64(len(w.latencies))
		}
		awaitDeliveries(s, a, sent*inRoom)
		all.add(a)
	}
	r.rate("batches/s", n)
	r.percentiles("POST to answer", answers)
	r.percentiles("POST to last reader", all.full)
	r.check("deliveries", int64(n*inRoom), all.count)
	r.count("out of order or duplicated", all.wrong)
	return r, err
}

func fanout(ctx context.Context, s *Target, o Options) (Report, error) {
	return oneRoom(ctx, s, o.size, 10, func(ctx context.Context, i int, w *writer) error {
		const pace = 10 * time.Second / 50
		return w.postEvery(ctx, time.Duration(i)*pace/10, pace)
	}, o, true)
}

func writers(ctx context.Context, s *Target, o Options) (Report, error) {
	return oneRoom(ctx, s, o.size, 100, func(ctx context.Context, _ int, w *writer) error {
		const pace = 100 * time.Second / 250
		return w.postEvery(ctx, rand.N(pace), pace)
	}, o, true)
}

func flatout(ctx context.Context, s *Target, o Options) (Report, error) {
	return oneRoom(ctx, s, o.size, 32, func(ctx context.Context, _ int, w *writer) error { return w.postUntil(ctx) }, o, false)
}

// oneRoom runs readers and writers in a single room.
func oneRoom(ctx context.Context, s *Target, streams, posting int, part func(context.Context, int, *writer) error, o Options, timed bool) (r Report, err error) {
	a, room := newReaders(streams, timed), s.name("room", 0)
	for i := range streams {
		if err := a.open(s.at(i), room, ""); err != nil {
			return r, err
		}
	}
	c, err := connect(s, posting, func(int) string { return room })
	if err != nil {
		return r, err
	}
	r.begin(s)
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	if err := c.run(ctx, part); err != nil {
		return r, err
	}
	n, answers := c.posted()
	awaitDeliveries(s, a, int64(n*streams))
	r.end(s)
	r.rate("batches/s", n)
	r.rate("deliveries/s", int(a.delivered.Load()))
	r.percentiles("POST to answer", answers)
	if timed {
		r.percentiles("POST to last reader", a.full)
	}
	r.check("deliveries", int64(n*streams), a.delivered.Load())
	r.count("out of order or duplicated", a.wrong.Load())
	return r, err
}

package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// kill kills one of several servers. Its clients go on at the others, as behind a balancer. They wait as long as clients in
// JavaScript: readers up to the time in `retry`, which is 1 to 3 s, and writers up to 1 s.
func kill(ctx context.Context, s *Target, o Options) (r Report, err error) {
	const clients, inRoom, pace = 300, 5, 200 * time.Millisecond
	if len(s.Others) == 0 {
		return r, errors.New("this load needs several servers")
	}
	room := func(i int) string { return s.name("kill", i/inRoom) }
	reading, stopReading := context.WithCancel(ctx)
	rooms := make([]*readers, clients/inRoom)
	for i := range rooms {
		rooms[i] = newReaders(inRoom, true)
	}
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stopReading()
	for i := range clients {
		reader := newReader(s.name("r", i))
		if err := rooms[i/inRoom].dial(reader, s.at(i), room(i)); err != nil {
			return r, err
		}
		if err := reader.await(20 * time.Second); err != nil {
			return r, err
		}
		streams.Go(func() { rooms[i/inRoom].move(reading, reader, s, i, room(i)) })
	}
	c, err := connect(s, clients, room)
	if err != nil {
		return r, err
	}
	writing, stopWriting := context.WithTimeout(ctx, o.Duration)
	defer stopWriting()
	crash := time.AfterFunc(o.Duration/4, func() { _ = s.Others[0].Kill() })
	defer crash.Stop()
	err = c.run(writing, func(writing context.Context, i int, w *writer) error {
		return every(writing, rand.N(pace), pace, func() error { return w.postAnywhere(ctx, s, i) })
	})
	if err != nil {
		return r, err
	}
	n, _ := c.posted()
	var answers, readers []time.Duration
	var all deliveries
	for i, a := range rooms {
		sent := int64(0)
		for _, w := range c.writers[i*inRoom : (i+1)*inRoom] {
			answers = append(answers, slices.Max(w.latencies))
			sent += int64(len(w.latencies))
		}
		awaitDeliveries(s, a, sent*inRoom)
		all.add(a)
		readers = append(readers, slices.Max(a.full))
	}
	r.took = o.Duration
	r.rate("batches/s", n)
	r.percentiles("longest POST of each client", answers)
	r.percentiles("longest time from POST to the last reader of each room", readers)
	r.check("deliveries", int64(n*inRoom), all.count)
	r.count("out of order or duplicated", all.wrong)
	return r, nil
}

// move opens the stream of a reader again at another server whenever it ends, until ctx ends.
func (a *readers) move(ctx context.Context, r *reader, s *Target, i int, room string) {
	defer func() { r.close() }()
	for failures := 0; ; failures++ {
		select {
		case <-ctx.Done():
			return
		case <-r.done:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rand.N(time.Second + rand.N(2*time.Second))):
		}
		_ = r.conn.Close()
		for at := range 1 + len(s.Others) { // a balancer tries the next server when one refuses the connection
			if a.dial(r, s.at(i+1+failures+at), room) == nil {
				break
			}
		}
	}
}

// postAnywhere sends a batch until a server answers it.
func (w *writer) postAnywhere(ctx context.Context, s *Target, i int) error {
	const first = 500 * time.Millisecond
	sent := time.Now()
	body := w.next(sent)
	for failures := 0; ; failures++ {
		err := w.send(sent, body)
		if err == nil || failures == 10 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(first << failures)):
		}
		_ = w.conn.Close()
		for at := range 1 + len(s.Others) {
			if w.conn, err = s.at(i + 1 + failures + at).dial(); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
		w.answers.Reset(w.conn)
	}
}

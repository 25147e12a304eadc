package main

import (
	"context"
	"sync/atomic"
	"time"
)

// manyRooms writes each room once and reports the server's memory until 30 s after the last one.
func manyRooms(ctx context.Context, s *server, o options) (r report, err error) {
	var next atomic.Int64
	c, err := connect(s, 32, func(int) string { return "" })
	if err != nil {
		return r, err
	}
	r.begin(s)
	start := r.began.rss
	err = c.run(func(_ int, w *writer) error {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= o.size {
				return nil
			}
			w.room, w.clientSeq = name("many", i), 0
			if err := w.post(); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return r, err
	}
	r.end(s)
	r.rate("rooms/s", o.size)
	r.add("%d MiB at the start, %d MiB after the last room", start>>20, r.ended.rss>>20)
	wait := min(o.duration, 10*time.Second)
	for i := range 3 {
		time.Sleep(wait)
		now, _ := s.usage()
		r.add("%d MiB (%.1f × the start) after %v", now.rss>>20, float64(now.rss)/float64(max(1, start)), time.Duration(i+1)*wait)
	}
	return r, nil
}

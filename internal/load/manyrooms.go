package load

import (
	"context"
	"sync/atomic"
)

// manyRooms writes each room once and reports the server's memory until 30 s after the last one.
func manyRooms(ctx context.Context, s *Target, o Options) (r Report, err error) {
	const warmUp = 100 // rooms: the program is in memory before the start
	if err := writeRooms(ctx, s, o.size, o.size+warmUp); err != nil {
		return r, err
	}
	r.begin(s)
	if err := writeRooms(ctx, s, 0, o.size); err != nil {
		return r, err
	}
	r.end(s)
	r.rate("rooms/s", o.size)
	r.memoryAfter(s, r.began, o)
	return r, nil
}

// writeRooms writes the rooms with numbers from first to before end once each, from 32 connections.
func writeRooms(ctx context.Context, s *Target, first, end int) error {
	c, err := connect(s, 32, func(int) string { return "" })
	if err != nil {
		return err
	}
	var next atomic.Int64
	next.Store(int64(first))
	return c.run(ctx, func(ctx context.Context, _ int, w *writer) error {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= end {
				return nil
			}
			w.room, w.clientSeq = s.name("many", i), 0
			if err := w.post(); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

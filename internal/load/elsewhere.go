package load

import (
	"context"
	"time"
)

// elsewhere measures the time from a POST at one server to readers there and at the others.
func elsewhere(ctx context.Context, s *Target, o Options) (r Report, err error) {
	const rooms, pace = 30, 500 * time.Millisecond
	servers := 1 + len(s.Others)
	all := make([]*readers, rooms*servers)
	for i := range all {
		all[i] = newReaders(1, true)
		if err := all[i].open(s.at(i), s.name("elsewhere", i/servers), ""); err != nil {
			return r, err
		}
	}
	c, err := connectTo(func(int) *Target { return s }, rooms, func(i int) string { return s.name("elsewhere", i) })
	if err != nil {
		return r, err
	}
	r.begin(s)
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	err = c.run(ctx, func(ctx context.Context, i int, w *writer) error {
		return w.postEvery(ctx, time.Duration(i)*pace/rooms, pace)
	})
	n, _ := c.posted()
	var near, far deliveries
	for i, one := range all {
		awaitDeliveries(s, one, int64(len(c.writers[i/servers].latencies)))
		if i%servers == 0 {
			near.add(one)
		} else {
			far.add(one)
		}
	}
	r.end(s)
	r.rate("batches/s", n)
	r.percentiles("POST to the reader of the same server", near.full)
	r.percentiles("to readers of others", far.full)
	r.check("deliveries", int64(n*servers), near.count+far.count)
	r.count("out of order or duplicated", near.wrong+far.wrong)
	return r, err
}

// deliveries are those of several rooms.
type deliveries struct {
	full         []time.Duration
	count, wrong int64
}

func (d *deliveries) add(a *readers) {
	d.full = append(d.full, a.full...)
	d.count += a.delivered.Load()
	d.wrong += a.wrong.Load()
}

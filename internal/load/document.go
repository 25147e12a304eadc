package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// largeDocument compares batches on a large array with batches on an array of 10 items.
func largeDocument(ctx context.Context, s *Target, o Options) (r Report, err error) {
	small, err := editArray(ctx, s, "small", 10, o.Duration)
	if err != nil {
		return r, err
	}
	large, err := editArray(ctx, s, "large", o.size, o.Duration)
	if err != nil {
		return r, err
	}
	r = large.Report
	r.add("%.0f and %.0f batches/s", large.perSecond(), small.perSecond())
	compare := func(what, unit string, large, small float64) {
		r.add("%s %.2f and %.2f %s, %.2f ×", what, large, small, unit, large/small)
	}
	compare("p50", "ms", large.percentile(.50), small.percentile(.50))
	compare("p99", "ms", large.percentile(.99), small.percentile(.99))
	compare("CPU", "µs a batch", large.cpuEach(), small.cpuEach())
	compare("disk", "KiB a batch", large.writtenEach(), small.writtenEach())
	return r, nil
}

// edits is the result of editArray.
type edits struct {
	Report
	latencies []time.Duration
}

func (e *edits) perSecond() float64 { return float64(len(e.latencies)) / e.took.Seconds() }

func (e *edits) percentile(share float64) float64 {
	return float64(percentile(e.latencies, share)) / float64(time.Millisecond)
}

func (e *edits) cpuEach() float64 {
	return float64(e.cpu()) / float64(time.Microsecond) / float64(len(e.latencies))
}

func (e *edits) writtenEach() float64 {
	return float64(e.ended.Written-e.began.Written) / 1024 / float64(len(e.latencies))
}

// editArray sets members of random items of an array from 8 writers without pauses.
func editArray(ctx context.Context, s *Target, room string, items int, duration time.Duration) (e edits, err error) {
	c, err := connect(s, 8, func(int) string { return room })
	if err != nil {
		return e, err
	}
	if err := c.writers[0].create(items); err != nil {
		return e, err
	}
	s.sleep(min(duration, 5*time.Second)) // the document's row is written
	for _, w := range c.writers {
		w.latencies = nil
		w.path = func() string { return fmt.Sprintf("items[i%d].n", rand.IntN(items)) }
	}
	e.begin(s)
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	err = c.run(ctx, func(ctx context.Context, _ int, w *writer) error { return w.postUntil(ctx) })
	e.end(s)
	_, e.latencies = c.posted()
	slices.Sort(e.latencies)
	return e, err
}

// create writes an array with items i0, i1 and so on.
func (w *writer) create(items int) error {
	w.clientSeq++
	var body strings.Builder
	fmt.Fprintf(&body, `{"clientId":%q,"clientSeq":%d,"key":"default","ops":[{"op":"set","path":"items","value":[`, w.client, w.clientSeq)
	for i := range items {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"_sync_id":"i%d","title":"Item %d","n":0}`, i, i)
	}
	body.WriteString("]}]}")
	return w.send(time.Now(), []byte(body.String()))
}

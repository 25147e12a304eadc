package sse

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stopwatch is a Metrics that keeps the measurements.
type stopwatch struct {
	mu   sync.Mutex
	took []time.Duration
}

func (w *stopwatch) Delivered(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, took)
}

func (w *stopwatch) read() (took []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	took, w.took = w.took, nil
	return took
}

func TestLatencyIsMeasuredFromFirstAppendToWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := new(stopwatch)
		g, f := Group{Metrics: watch}, NewFeed(FeedConfig{})
		p := connect(t, &g, f)
		mustAppend(t, f, 1, event(t, 1, 10))
		time.Sleep(time.Second)
		mustAppend(t, f, 2, event(t, 2, 10))
		f.Wake()
		time.Sleep(2 * time.Second) // the reader reads nothing
		for range 2 {
			if _, err := p.next(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		took := watch.read()
		equal(t, len(took), 1)
		equal(t, took[0], 3*time.Second)

		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestEachWakeMeasuresAnotherStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		sleepers(f, 3)
		for seq := range int64(7) {
			mustAppend(t, f, seq+1, event(t, seq+1, 10))
			f.Wake()
			measuring := 0
			for _, s := range f.subscriptions {
				if s.measurement.Swap(nil) != nil {
					measuring++
					equal(t, s, f.subscriptions[int(seq+1)%3])
				}
			}
			equal(t, measuring, 1)
		}
	})
}

func TestFramesWithoutSeqAreNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		sleepers(f, 3)
		mustAppend(t, f, 0, heartbeat)
		f.Wake()
		f.Wake()
		for _, s := range f.subscriptions {
			equal(t, s.measurement.Load(), nil)
		}
	})
}

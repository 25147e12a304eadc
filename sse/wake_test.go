package sse

import (
	"testing"
	"testing/synctest"
	"time"
)

// sleepers gives a feed so many streams that sleep, and returns how to count, and send back to sleep, those awake.
func sleepers(f *Feed, n int) (awake func() int) {
	for range n {
		f.streams = append(f.streams, &subscription{stream: &Stream{wake: make(chan struct{}, 1)}})
	}
	return func() (awake int) {
		for _, s := range f.streams {
			select {
			case <-s.stream.wake:
				awake++
			default:
			}
		}
		return awake
	}
}

func TestACrowdIsRousedOnceInTheTimeThatServingItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		awake := sleepers(f, 1000)
		f.Wake()
		equal(t, awake(), 1000) // the first at once
		for range 5 {
			f.Wake()
			equal(t, awake(), 0)
		}
		time.Sleep(1000*perReader - 1)
		equal(t, awake(), 0)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		equal(t, awake(), 1000) // the others together
		time.Sleep(time.Second)
		equal(t, awake(), 0)
		f.Wake()
		equal(t, awake(), 1000)
	})
}

func TestAFewReadersAreRousedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		awake := sleepers(f, crowd-1)
		for range 5 {
			f.Wake()
			equal(t, awake(), crowd-1)
		}
	})
}

func TestClosingDoesNotWaitForALateWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		awake := sleepers(f, 100)
		f.Wake()
		f.Wake()
		awake()
		f.Close(nil)
		equal(t, awake(), 100)
		time.Sleep(time.Second)
		equal(t, awake(), 0)
	})
}

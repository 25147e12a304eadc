package sse

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// sleepers adds n waiting streams to a feed. The result counts those that have been woken since its last call.
func sleepers(f *Feed, n int) (woken func() int) {
	for range n {
		f.subscriptions = append(f.subscriptions, &subscription{stream: &Stream{wakeup: make(chan struct{}, 1)}})
	}
	return func() (woken int) {
		for _, s := range f.subscriptions {
			select {
			case <-s.stream.wakeup:
				woken++
			default:
			}
		}
		return woken
	}
}

func TestBusyFeedIsWokenOncePerInterval(t *testing.T) {
	for readers, interval := range map[int]time.Duration{100: 100 * firstWriteCost * wakeShare, 1000: defaultMaxDelay} {
		synctest.Test(t, func(t *testing.T) {
			f := NewFeed(FeedConfig{})
			woken := sleepers(f, readers)
			for range 2 { // after a quiet time, two take effect at once
				f.Wake()
				equal(t, woken(), readers)
			}
			for range 3 {
				for range 5 {
					f.Wake()
					equal(t, woken(), 0)
				}
				time.Sleep(interval - 1)
				equal(t, woken(), 0)
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				equal(t, woken(), readers) // all five together, delayed
			}
			time.Sleep(time.Second)
			equal(t, woken(), 0)
			f.Wake()
			equal(t, woken(), readers)
		})
	}
}

func TestQuietFeedIsWokenWithoutDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		woken := sleepers(f, 1000)
		for range 100 {
			f.Wake()
			equal(t, woken(), 1000)
			time.Sleep(defaultMaxDelay / 2)
			f.Wake()
			equal(t, woken(), 1000)
			time.Sleep(defaultMaxDelay * 3 / 2)
		}
	})
}

func TestFewStreamsAreWokenEachTime(t *testing.T) {
	const few = int(shortestInterval/(firstWriteCost*wakeShare)) - 1
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		woken := sleepers(f, few)
		for range 5 {
			f.Wake()
			equal(t, woken(), few)
		}
	})
}

func TestWakeIsDelayedByMaxDelayAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{MaxDelay: 3 * time.Millisecond})
		woken := sleepers(f, 10_000)
		f.Wake()
		f.Wake()
		woken()
		f.Wake()
		time.Sleep(3 * time.Millisecond)
		synctest.Wait()
		equal(t, woken(), 10_000)
	})
}

func TestWakeIntervalFollowsTheCostOfWrites(t *testing.T) {
	f := NewFeed(FeedConfig{})
	sleepers(f, 100)
	measure := func(times int, took time.Duration) time.Duration {
		for range times {
			f.measureWriteLocked(took)
		}
		return f.wakeIntervalLocked().Round(100 * time.Microsecond)
	}
	equal(t, measure(100, 10*time.Microsecond), 6*time.Millisecond)
	equal(t, measure(100, 20*time.Microsecond), 12*time.Millisecond)
	equal(t, measure(1, time.Second), 13500*time.Microsecond) // an interruption
	equal(t, measure(100, 100*time.Microsecond), defaultMaxDelay)
	equal(t, measure(100, time.Microsecond), 0)
}

func TestServingAStreamMeasuresTheCostOfAWrite(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{})
			_, r := s.get(t)
			for seq := range int64(3) {
				mustAppend(t, s.feed, seq+1, event(t, seq+1, 10))
				s.feed.Wake()
				if _, err := r.next(); err != nil {
					t.Fatal(err)
				}
			}
			await(t, func() bool {
				s.feed.mu.Lock()
				defer s.feed.mu.Unlock()
				return s.feed.writeCost != firstWriteCost
			})
		})
	}
}

func TestCloseDoesNotWaitForDelayedWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		woken := sleepers(f, 100)
		for range 3 { // the last one is delayed
			f.Wake()
		}
		woken()
		f.Close(nil)
		equal(t, woken(), 100)
		time.Sleep(time.Second)
		equal(t, woken(), 0)
	})
}

func TestWaitReturnsForTheNextEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{StartSeq: 5})
		answers := make(chan error)
		for range 3 {
			go func() { answers <- f.Wait(t.Context(), 5) }()
		}
		mustAppend(t, f, 0, []byte(": presence\n\n"))
		f.Wake()
		synctest.Wait()
		select {
		case <-answers:
			t.Fatal("Wait returned for a frame without seq")
		default:
		}
		mustAppend(t, f, 6, event(t, 6, 1))
		f.Wake()
		for range 3 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWaitReturnsAtOnceForExistingEvent(t *testing.T) {
	f := NewFeed(FeedConfig{})
	mustAppend(t, f, 1, event(t, 1, 1))
	if err := f.Wait(t.Context(), 0); err != nil {
		t.Error(err)
	}
	f.Close(nil)
	if err := f.Wait(t.Context(), 0); err != nil {
		t.Errorf("for an event of a closed feed: %v", err)
	}
	if err := f.Wait(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("for the next event of a closed feed: %v", err)
	}
}

func TestWaitEndsWithItsContextOrTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		answers := make(chan error)
		go func() { answers <- f.Wait(ctx, 0) }()
		synctest.Wait()
		cancel()
		if err := <-answers; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}

		go func() { answers <- f.Wait(t.Context(), 0) }()
		synctest.Wait()
		f.Close(nil)
		if err := <-answers; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

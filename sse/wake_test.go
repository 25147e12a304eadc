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

func TestManyStreamsAreWokenAtMostOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		woken := sleepers(f, 1000)
		f.Wake()
		equal(t, woken(), 1000) // the first Wake takes effect at once
		for range 5 {
			f.Wake()
			equal(t, woken(), 0)
		}
		time.Sleep(1000*writeTime - 1)
		equal(t, woken(), 0)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		equal(t, woken(), 1000) // the others together, delayed
		time.Sleep(time.Second)
		equal(t, woken(), 0)
		f.Wake()
		equal(t, woken(), 1000)
	})
}

func TestFewStreamsAreWokenEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		woken := sleepers(f, manyStreams-1)
		for range 5 {
			f.Wake()
			equal(t, woken(), manyStreams-1)
		}
	})
}

func TestCloseDoesNotWaitForDelayedWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		woken := sleepers(f, 100)
		f.Wake()
		f.Wake()
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

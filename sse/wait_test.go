package sse

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWaitEndsWithTheNextEvent(t *testing.T) {
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
			t.Fatal("it returned for a frame that is no event")
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

func TestWaitReturnsAtOnceForAnEventThatIsThere(t *testing.T) {
	f := NewFeed(FeedConfig{})
	mustAppend(t, f, 1, event(t, 1, 1))
	if err := f.Wait(t.Context(), 0); err != nil {
		t.Error(err)
	}
	f.Close(nil)
	if err := f.Wait(t.Context(), 0); err != nil {
		t.Errorf("the event is still there after the end: %v", err)
	}
	if err := f.Wait(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("no event can come any more: %v", err)
	}
}

func TestWaitEndsWithTheFeedOrItsContext(t *testing.T) {
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

package sse

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestShutdownWaitsForStreamsToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := connect(t, &g, f)
		f.Close(func(int) []byte { return []byte(text("last")) })
		down := make(chan error)
		go func() { down <- g.Shutdown(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-down:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		p.expect(t, "last")
		if err := <-down; err != nil {
			t.Error(err)
		}
		p.expectEnd(t, ErrClosed)
	})
}

func TestShutdownBreaksWhatIsLeftWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		asleep, stalled := connect(t, &g, f), connect(t, &g, f, text("nobody reads this"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		equal(t, time.Since(start), time.Second)
		asleep.expectCause(t, ErrClosed)
		stalled.expectCause(t, ErrClosed)
	})
}

func TestNoStreamStartsAfterShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := open(t, &g)
		for range 2 {
			if err := g.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
		p.start(f, f.End())
		p.expectEnd(t, ErrClosed)
		equal(t, len(f.streams), 0)
	})
}

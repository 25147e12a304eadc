package sse

import (
	"context"
	"errors"
	"strings"
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
		ctx, cancel := context.WithTimeout(t.Context(), lastPatience/2)
		defer cancel()
		start := time.Now()
		if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		equal(t, time.Since(start), lastPatience/2)
		asleep.expectCause(t, ErrClosed)
		stalled.expectCause(t, ErrClosed)
	})
}

func TestShutdownWaitsASecondForAReaderThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		stalled := connect(t, &g, f, text("nobody reads this"))
		f.Close(func(int) []byte { return []byte(text("last")) })
		synctest.Wait()
		start := time.Now()
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		equal(t, time.Since(start), lastPatience)
		stalled.expectCause(t, ErrClosed)
	})
}

func TestShutdownWaitsForAReaderThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{MaxBytes: 1600}) // an event a chunk, and a chunk a write
		slow := connect(t, &g, f)
		for range 5 {
			say(t, f, strings.Repeat("x", 200))
		}
		f.Close(func(int) []byte { return []byte(text("last")) })
		down := make(chan error)
		go func() { down <- g.Shutdown(t.Context()) }()
		for range 5 {
			time.Sleep(lastPatience * 2 / 3)
			slow.expect(t, strings.Repeat("x", 200))
		}
		slow.expect(t, "last")
		if err := <-down; err != nil {
			t.Error(err)
		}
		slow.expectEnd(t, ErrClosed)
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

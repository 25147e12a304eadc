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
			t.Fatalf("Shutdown did not wait: %v", err)
		default:
		}
		p.expect(t, "last")
		if err := <-down; err != nil {
			t.Error(err)
		}
		p.expectEnd(t, ErrClosed)
	})
}

func TestShutdownAbortsStreamsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		asleep, stalled := connect(t, &g, f), connect(t, &g, f, text("not read"))
		ctx, cancel := context.WithTimeout(t.Context(), shutdownPatience/2)
		defer cancel()
		start := time.Now()
		if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		equal(t, time.Since(start), shutdownPatience/2)
		asleep.expectCause(t, ErrClosed)
		stalled.expectCause(t, ErrClosed)
	})
}

func TestShutdownAbortsStalledReaderAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		stalled := connect(t, &g, f, text("not read"))
		f.Close(func(int) []byte { return []byte(text("last")) })
		synctest.Wait()
		start := time.Now()
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		equal(t, time.Since(start), shutdownPatience)
		stalled.expectCause(t, ErrClosed)
	})
}

func TestShutdownWaitsForSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{MaxBytes: 1600}) // one event in each segment, and one segment in each write
		slow := connect(t, &g, f)
		for range 5 {
			publish(t, f, strings.Repeat("x", 200))
		}
		f.Close(func(int) []byte { return []byte(text("last")) })
		down := make(chan error)
		go func() { down <- g.Shutdown(t.Context()) }()
		for range 5 {
			time.Sleep(shutdownPatience * 2 / 3)
			slow.expect(t, strings.Repeat("x", 200))
		}
		slow.expect(t, "last")
		if err := <-down; err != nil {
			t.Error(err)
		}
		slow.expectEnd(t, ErrClosed)
	})
}

func TestStreamEndsAtOnceAfterShutdown(t *testing.T) {
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
		equal(t, len(f.subscriptions), 0)
	})
}

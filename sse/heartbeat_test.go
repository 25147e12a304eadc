package sse

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleFeedSendsOneHeartbeatToAllStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
		peers := []*peer{connect(t, &g, f), connect(t, &g, f), connect(t, &g, f)}
		start := time.Now()
		for beat := range 3 {
			for _, p := range peers {
				line, err := p.line()
				if empty, _ := p.line(); err != nil || line != ": " || empty != "" {
					t.Fatalf("got %q, %q, error %v", line, empty, err)
				}
				equal(t, time.Since(start), time.Duration(beat+1)*15*time.Second)
			}
		}
		equal(t, f.End(), Position(3*len(heartbeat)))
		f.Close(nil)
		for _, p := range peers {
			p.expectEnd(t, ErrClosed)
		}
	})
}

func TestEventDelaysTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
		p := connect(t, &g, f)
		for range 5 {
			time.Sleep(10 * time.Second)
			publish(t, f, "x")
			p.expect(t, "x")
		}
		said := time.Now()
		before := f.End()
		if _, err := p.line(); err != nil {
			t.Fatal(err)
		}
		equal(t, time.Since(said), 15*time.Second)
		equal(t, f.End(), before+Position(len(heartbeat)))
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestFeedWithoutStreamsHasNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
		time.Sleep(time.Hour)
		equal(t, f.End(), 0)

		p := connect(t, &g, f)
		p.Close()
		p.expectCause(t, ErrGone)
		time.Sleep(time.Hour)
		equal(t, f.End(), 0)

		p = connect(t, &g, f) // the timer starts again
		start := time.Now()
		if _, err := p.line(); err != nil {
			t.Fatal(err)
		}
		equal(t, time.Since(start), 15*time.Second)
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
		end := f.End()
		time.Sleep(time.Hour)
		equal(t, f.End(), end)
	})
}

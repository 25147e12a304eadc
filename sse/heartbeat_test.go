package sse

import (
	"io"
	"strings"
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

func TestHeartbeatDropsSentFramesBeforeTheFirstEvent(t *testing.T) {
	const large = 100 << 10
	for name, c := range map[string]struct {
		event   bool // between the frames
		reading bool
		least   int // bytes of the feed after the heartbeat
		most    int
	}{
		"no event":                   {false, true, 1, firstSegment},
		"an event after some frames": {true, true, large, 2 * large},
		"a reader that lags behind":  {false, false, 2 * large, 5 * large},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := Group{WriteTimeout: time.Hour}
				f := NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
				p := connect(t, &g, f)
				slow := connect(t, &g, f)
				data := strings.Repeat("x", 1<<10)
				for i := range 200 {
					if i == 100 && c.event {
						mustAppend(t, f, 1, event(t, 1, 10))
					}
					publish(t, f, data)
				}
				go func() { _, _ = io.Copy(io.Discard, p.Conn) }()
				if c.reading {
					go func() { _, _ = io.Copy(io.Discard, slow.Conn) }()
				}
				time.Sleep(16 * time.Second)
				if bytes := f.Bytes(); bytes < c.least || bytes > c.most {
					t.Errorf("the feed has %d bytes, want %d to %d", bytes, c.least, c.most)
				}
				if _, ok := f.After(0); !ok {
					t.Error("no reader can resume from the beginning")
				}
				f.Close(nil)
				slow.Close()
				p.Close()
				if err := g.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestStreamContinuesAfterItsFramesWereDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
		p := connect(t, &g, f)
		data := strings.Repeat("x", 1<<10)
		for range 3 {
			for range 100 {
				publish(t, f, data)
				p.expect(t, data)
			}
			if _, err := p.line(); err != nil { // the heartbeat
				t.Fatal(err)
			}
			if empty, err := p.line(); empty != "" || err != nil {
				t.Fatal(empty, err)
			}
		}
		mustAppend(t, f, 1, event(t, 1, 10))
		f.Wake()
		m, err := p.next()
		equal(t, err, nil)
		equal(t, m.id, "1")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

package sse

import (
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// A synctest bubble fails if a goroutine outlives it, so each test also shows that the goroutines of a stream end.

func TestStreamSendsPreludeAndFollowsTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		publish(t, f, "before")
		p := connect(t, &g, f, text("one")+text("two"), text("three"))
		publish(t, f, "four", "five")
		p.expect(t, "one", "two", "three", "four", "five")
		publish(t, f, "six")
		p.expect(t, "six")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestStreamResumesAfterAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		for seq := range int64(10) {
			mustAppend(t, f, seq+1, event(t, seq+1, 0))
		}
		p := open(t, &g)
		p.start(f, after(t, f, 7))
		p.head(t)
		p.expect(t, "8", "9", "10")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestPendingFramesAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := connect(t, &g, f)
		synctest.Wait() // the stream waits
		for range 10 {
			mustAppend(t, f, 0, []byte(text("x")))
		}
		synctest.Wait() // still waits without Wake
		f.Wake()
		buf := make([]byte, 1000)
		n, err := p.Read(buf) // a pipe returns one write
		equal(t, err, nil)
		equal(t, string(buf[:n]), strings.Repeat(text("x"), 10))
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestClosedFeedSendsEachStreamItsOwnLastFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		peers := []*peer{connect(t, &g, f), connect(t, &g, f)}
		publish(t, f, "pending")
		f.Close(func(n int) []byte { return []byte(text("reconnect " + strconv.Itoa(n))) })
		peers = append(peers, open(t, &g))
		peers[2].start(f, f.End(), text("prelude"))
		peers[2].head(t)
		for i, p := range peers {
			if i < 2 {
				p.expect(t, "pending")
			}
			p.expect(t, "reconnect "+strconv.Itoa(i))
			p.expectEnd(t, ErrClosed)
		}
	})
}

func TestEndSendsPendingFramesAndLastFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		replaced, other := connect(t, &g, f), connect(t, &g, f)
		publish(t, f, "pending")
		replaced.stream.End([]byte(text("replaced")))
		replaced.stream.End([]byte(text("again")))
		replaced.expect(t, "pending", "replaced")
		replaced.expectEnd(t, ErrEnded)

		publish(t, f, "more")
		other.expect(t, "pending", "more")
		f.Close(nil)
		other.expectEnd(t, ErrClosed)
	})
}

func TestEndStopsPreludeBetweenPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		large := strings.Repeat("x", 3*maxWrite)
		p := connect(t, &g, f, text(large), text("never sent"))
		synctest.Wait() // the write of the first piece blocks
		publish(t, f, "never sent")
		p.stream.End([]byte(text("last")))
		p.expect(t, large, "last")
		p.expectEnd(t, ErrEnded)
	})
}

func TestEndBeforeStartTakesEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := open(t, &g)
		p.stream.End([]byte(text("last")))
		p.start(f, f.End(), text("never sent"))
		p.head(t)
		p.expect(t, "last")
		p.expectEnd(t, ErrEnded)
	})
}

func TestClosedConnectionIsNoticedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		idle, writing := connect(t, &g, f), connect(t, &g, f, text("not read"))
		synctest.Wait() // one waits, the write of the other blocks
		start := time.Now()
		for _, p := range []*peer{idle, writing} {
			p.Close()
			p.expectCause(t, ErrGone)
		}
		equal(t, time.Since(start), 0)
		equal(t, len(f.subscriptions), 0)
	})
}

func TestReaderThatSendsTooMuchIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := connect(t, &g, f)
		if _, err := p.Write(make([]byte, maxReceived)); err != nil {
			t.Fatalf("a few bytes are refused: %v", err)
		}
		publish(t, f, "still here")
		p.expect(t, "still here")
		if _, err := p.Write(make([]byte, maxReceived)); err == nil {
			t.Error("more bytes are accepted")
		}
		p.expectCause(t, ErrUnexpectedData)
	})
}

func TestReaderThatSendsInsteadOfReadingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := connect(t, &g, f, text("not read"))
		_, _ = p.Write(make([]byte, 2*maxReceived))
		p.expectCause(t, ErrUnexpectedData)
	})
}

func TestLaggingStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{MaxBytes: 1000})
		p := connect(t, &g, f)
		publish(t, f, "first")
		synctest.Wait() // the write blocks
		for range 100 {
			publish(t, f, strings.Repeat("x", 100))
		}
		p.expect(t, "first")
		if m, err := p.next(); err == nil && m.data != strings.Repeat("x", 100) {
			t.Errorf("the reader got %v", m)
		}
		for {
			if _, err := p.next(); err != nil {
				break
			}
		}
		p.expectCause(t, ErrLagged)
	})
}

func TestStreamFromDroppedOrFuturePositionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{MaxBytes: 1000})
		for range 100 {
			publish(t, f, strings.Repeat("x", 100))
		}
		for _, pos := range []Position{0, f.End() + 1} {
			p := open(t, &g)
			p.start(f, pos, text("never sent"))
			p.head(t)
			p.expectEnd(t, ErrLagged)
		}
	})
}

func TestStalledReaderIsCutWithinWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Group{WriteTimeout: 10 * time.Second}
		f := NewFeed(FeedConfig{})
		p := connect(t, &g, f)
		for range 20 { // until the deadline has had every age
			publish(t, f, "x")
			p.expect(t, "x")
			time.Sleep(700 * time.Millisecond)
		}
		start := time.Now()
		publish(t, f, "not read")
		p.expectCause(t, ErrStalled)
		if took := time.Since(start); took < 5*time.Second || took > 10*time.Second {
			t.Errorf("the stream ended after %v", took)
		}
	})
}

func TestWriteAfterLongIdleTimeHasTheWholeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Group{WriteTimeout: time.Second}
		f := NewFeed(FeedConfig{Heartbeat: time.Hour})
		p := connect(t, &g, f)
		time.Sleep(time.Minute)
		publish(t, f, "x")
		time.Sleep(900 * time.Millisecond)
		p.expect(t, "x")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestLargeFrameExtendsItsDeadlineAsBytesMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Group{WriteTimeout: 10 * time.Second}
		f := NewFeed(FeedConfig{})
		p := connect(t, &g, f)
		publish(t, f, strings.Repeat("x", 20*maxWrite))
		start := time.Now()
		buf := make([]byte, maxWrite)
		for range 20 {
			time.Sleep(4 * time.Second)
			if _, err := p.Read(buf); err != nil {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
		}
		p.Close()
		p.expectCause(t, ErrGone)
	})
}

func TestEndIsLimitedToOneTimeoutWithMuchPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Group{WriteTimeout: 10 * time.Second}
		f := NewFeed(FeedConfig{MaxBytes: 16 << 20})
		p := connect(t, &g, f)
		publish(t, f, strings.Repeat("x", 100*maxWrite))
		f.Close(func(int) []byte { return []byte(text("last")) })
		start := time.Now()
		for buf := make([]byte, maxWrite); ; { // one read every 4 s
			time.Sleep(4 * time.Second)
			if _, err := p.Read(buf); err != nil {
				break
			}
		}
		p.expectCause(t, ErrStalled)
		if took := time.Since(start); took > 24*time.Second { // the running write, and one timeout
			t.Errorf("the stream ended after %v", took)
		}
	})
}

func TestSentPreludeIsFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		p := open(t, &g)
		start := func() weak.Pointer[byte] {
			prelude := []byte(text(strings.Repeat("x", 1<<16)))
			p.stream.Start(Plain(prelude), f, f.End(), func(cause error) { p.ended <- cause })
			return weak.Make(&prelude[0])
		}
		prelude := start()
		p.head(t)
		p.expect(t, strings.Repeat("x", 1<<16))
		synctest.Wait()
		runtime.GC()
		if prelude.Value() != nil {
			t.Error("the stream still refers to it")
		}
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

// metricsFunc is a function as a Metrics.
type metricsFunc func(took time.Duration)

func (f metricsFunc) Delivered(took time.Duration) { f(took) }

// The test appends and closes after the stream has found nothing pending and before it waits: that is when it calls its
// metrics.
func TestFrameAppendedBeforeCloseIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		g := Group{Metrics: metricsFunc(func(time.Duration) {
			if f.LastSeq() == 1 {
				mustAppend(t, f, 2, event(t, 2, 10))
				f.Close(nil)
			}
		})}
		p := connect(t, &g, f)
		mustAppend(t, f, 1, event(t, 1, 10))
		f.Wake()
		for _, id := range []string{"1", "2"} {
			m, err := p.next()
			if err != nil {
				t.Fatalf("waiting for %s: %v", id, err)
			}
			equal(t, m.id, id)
		}
		p.expectEnd(t, ErrClosed)
	})
}

// Streams start at different positions while a writer appends.
func TestConcurrentStreamsMissNoEvent(t *testing.T) {
	const readers, events = 20, 1000
	var g Group
	f := NewFeed(FeedConfig{MaxBytes: 1 << 20})
	var reading sync.WaitGroup
	for i := range readers {
		for f.LastSeq() < int64(i*events/readers) {
			seq := f.LastSeq() + 1
			mustAppend(t, f, seq, event(t, seq, int(seq)%300))
			if seq%3 == 0 {
				f.Wake()
			}
		}
		from := f.LastSeq() * int64(i%3) / 2 // the beginning, the middle, the end
		p := open(t, &g)
		p.start(f, after(t, f, min(from, f.LastSeq())))
		reading.Go(func() {
			p.head(t)
			for seq := min(from, int64(i*events/readers)) + 1; seq <= events; seq++ {
				m, err := p.next()
				if err != nil || m.id != strconv.FormatInt(seq, 10) {
					t.Errorf("reader %d got %q instead of %d, error %v", i, m.id, seq, err)
					return
				}
			}
			if _, err := p.next(); err != io.EOF {
				t.Errorf("reader %d: the body ends with %v", i, err)
			}
			if err := <-p.ended; err != ErrClosed {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	for seq := f.LastSeq() + 1; seq <= events; seq++ {
		mustAppend(t, f, seq, event(t, seq, int(seq)%300))
		f.Wake()
	}
	f.Close(nil)
	reading.Wait()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

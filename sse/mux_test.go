package sse

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// connectMux starts a stream of several feeds, each from its end. Its ids consist of the last ids of all feeds: "3|7".
func connectMux(t *testing.T, g *Group, preludes []string, feeds ...*Feed) *peer {
	t.Helper()
	sources := make([]Source, len(feeds))
	for i, f := range feeds {
		sources[i] = Source{Feed: f, From: f.End()}
		if i < len(preludes) {
			sources[i].Prelude = Plain([]byte(preludes[i]))
		}
	}
	p := open(t, g)
	p.stream.StartMux(Plain([]byte(text("hello"))), sources, lastIDs(len(feeds)), func(cause error) { p.ended <- cause })
	p.head(t)
	p.expect(t, "hello")
	return p
}

func lastIDs(feeds int) AppendIDFunc {
	last := make([]string, feeds)
	return func(dst []byte, source int, id []byte) []byte {
		last[source] = string(id)
		return append(dst, strings.Join(last, "|")...)
	}
}

// expectIDs reads events and compares the id and the data up to the first dot.
func (p *peer) expectIDs(t *testing.T, want ...string) {
	t.Helper()
	for _, want := range want {
		m, err := p.next()
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		data, _, _ := strings.Cut(m.data, ".")
		equal(t, m.id+" "+data, want)
	}
}

func TestMuxIDsHaveThePositionInEachFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		mustAppend(t, a, 1, event(t, 1, 0))
		p := connectMux(t, &g, []string{text("of a") + string(event(t, 1, 0)), string(event(t, 4, 3*maxCopied))}, a, b)
		p.expectIDs(t, " of a", "1| 1", "1|4 4")
		mustAppend(t, b, 5, event(t, 5, 0))
		b.Wake()
		p.expectIDs(t, "1|5 5")
		mustAppend(t, a, 2, event(t, 2, 2*maxCopied))
		a.Wake()
		p.expectIDs(t, "2|5 2")
		publish(t, b, "without an id")
		p.expectIDs(t, "2|5 without an id")
		b.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestMuxSendsPendingFramesOfAllFeedsInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		feeds := []*Feed{NewFeed(FeedConfig{}), NewFeed(FeedConfig{}), NewFeed(FeedConfig{})}
		p := connectMux(t, &g, nil, feeds...)
		synctest.Wait()
		for i, f := range feeds {
			mustAppend(t, f, 1, event(t, 1, 0))
			mustAppend(t, f, 0, []byte(text(strconv.Itoa(i))))
		}
		feeds[1].Wake()
		buf := make([]byte, 1000)
		n, err := p.Read(buf) // a pipe returns one write
		equal(t, err, nil)
		equal(t, string(textOf(buf[:n])), "id: 1||\ndata: 1\n\ndata: 0\n\n"+"id: 1|1|\ndata: 1\n\ndata: 1\n\n"+"id: 1|1|1\ndata: 1\n\ndata: 2\n\n")
		feeds[0].Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestMuxEndsWithTheFirstClosedFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		p := connectMux(t, &g, nil, a, b)
		mustAppend(t, a, 1, event(t, 1, 0))
		mustAppend(t, b, 1, event(t, 1, 0))
		b.Close(func(int) []byte { return []byte(text("b is closed")) })
		a.Close(func(int) []byte { return []byte(text("a is closed")) })
		p.expectIDs(t, "1| 1", "1|1 1", "1|1 b is closed")
		p.expectEnd(t, ErrClosed)
		equal(t, len(a.subscriptions)+len(b.subscriptions), 0)
	})
}

func TestMuxEndsWhenItLagsBehindOneFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{MaxBytes: 4 << 10})
		p := connectMux(t, &g, nil, a, b)
		publish(t, b, strings.Repeat("x", maxWrite)) // the write blocks
		synctest.Wait()
		for seq := range int64(100) {
			mustAppend(t, b, seq+1, event(t, seq+1, 1000))
		}
		b.Wake()
		p.expect(t, strings.Repeat("x", maxWrite))
		p.expectEnd(t, ErrLagged)
		equal(t, len(a.subscriptions)+len(b.subscriptions), 0)
	})
}

func TestMuxWithOneDroppedPositionLeavesAllFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		p := open(t, &g)
		p.stream.StartMux(nil, []Source{{Feed: a}, {Feed: b, From: 7}}, lastIDs(2), func(cause error) { p.ended <- cause })
		p.head(t)
		p.expectEnd(t, ErrLagged)
		equal(t, len(a.subscriptions)+len(b.subscriptions), 0)
	})
}

func TestEndStopsMuxPreludesBetweenPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		large := strings.Repeat("x", 3*maxWrite)
		p := connectMux(t, &g, []string{text("small") + text(large), text("never sent")}, a, b)
		p.expect(t, "small")
		synctest.Wait() // the write of the large frame blocks
		p.stream.End([]byte(text("last")))
		p.expect(t, large, "last")
		p.expectEnd(t, ErrEnded)
	})
}

// beats reads heartbeats and returns when each arrived.
func (p *peer) beats(t *testing.T, n int) (at []time.Duration) {
	t.Helper()
	start := time.Now()
	for range n {
		line, err := p.line()
		if empty, _ := p.line(); err != nil || line != ": " || empty != "" {
			t.Fatalf("got %q, %q, error %v", line, empty, err)
		}
		at = append(at, time.Since(start))
	}
	return at
}

// The heartbeat timers of the feeds start at different times. The stream has one heartbeat per interval.
func TestMuxSendsOneHeartbeatPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var feeds []*Feed
		for range 5 {
			f := NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
			other := connect(t, &g, f) // its heartbeat timer starts now
			go func() {
				for _, err := other.line(); err == nil; _, err = other.line() {
				}
			}()
			feeds = append(feeds, f)
			time.Sleep(2 * time.Second)
		}
		p := connectMux(t, &g, nil, feeds...)
		at := p.beats(t, 4)
		equal(t, fmt.Sprint(at), "[5s 20s 35s 50s]") // the first feed began 10 s before

		time.Sleep(4 * time.Second)
		publish(t, feeds[3], "x")
		p.expect(t, "x")
		equal(t, p.beats(t, 1)[0], 13*time.Second) // the next heartbeat that is not redundant
		for _, f := range feeds {
			f.Close(nil)
		}
		p.expectEnd(t, ErrClosed)
	})
}

// Frames of the feeds come at irregular times. The stream is never idle for longer than the heartbeat.
func TestMuxIsNeverIdleLongerThanTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{Heartbeat: 15 * time.Second}), NewFeed(FeedConfig{Heartbeat: 15 * time.Second})
		p := connectMux(t, &g, nil, a, b)
		go func() {
			for i := range 200 {
				time.Sleep(time.Duration(i*7919%23) * time.Second)
				publish(t, []*Feed{a, b}[i%2], "x")
			}
			a.Close(nil)
		}()
		last := time.Now()
		for _, err := p.line(); err == nil; _, err = p.line() {
			if idle := time.Since(last); idle > 15*time.Second {
				t.Fatalf("the stream was idle for %v", idle)
			}
			last = time.Now()
		}
		p.expectCause(t, ErrClosed)
	})
}

func TestMuxSendsOneHeartbeatIfSeveralArePending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		p := connectMux(t, &g, nil, a, b)
		synctest.Wait()
		time.Sleep(10 * time.Second) // before the feeds' own heartbeats
		mustAppend(t, a, 0, heartbeat)
		mustAppend(t, b, 0, heartbeat)
		a.Wake()
		buf := make([]byte, 100)
		n, err := p.Read(buf)
		equal(t, err, nil)
		equal(t, string(buf[:n]), string(heartbeat))
		a.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestConcurrentMuxReadersGetEachEventOnce(t *testing.T) {
	var g Group
	feeds := []*Feed{NewFeed(FeedConfig{MaxBytes: 64 << 20}), NewFeed(FeedConfig{MaxBytes: 64 << 20}), NewFeed(FeedConfig{MaxBytes: 64 << 20})}
	const events = 200
	var readers []*peer
	for range 3 {
		readers = append(readers, connectMux(t, &g, nil, feeds...))
	}
	var publishing, reading sync.WaitGroup
	for _, f := range feeds {
		publishing.Go(func() {
			for seq := range int64(events) {
				_ = f.Append(seq+1, event(t, seq+1, int(seq*131%5000)))
				f.Wake()
			}
		})
	}
	for _, p := range readers {
		reading.Go(func() {
			reached := make([]int, len(feeds))
			for range len(feeds) * events {
				m, err := p.next()
				if err != nil {
					t.Error(err)
					return
				}
				moved := 0
				for i, id := range strings.Split(m.id, "|") {
					seq, _ := strconv.Atoi(id)
					moved += seq - reached[i]
					reached[i] = seq
				}
				if moved != 1 {
					t.Errorf("id %s advances the positions by %d", m.id, moved)
				}
			}
		})
	}
	publishing.Wait()
	reading.Wait()
	feeds[2].Close(nil)
	for _, p := range readers {
		p.expectEnd(t, ErrClosed)
	}
}

func TestMuxDeliveryDoesNotAllocate(t *testing.T) {
	m := &mux{stream: &Stream{group: new(Group), conn: nowhere{}, chunked: true, subscriptions: make([]subscription, 2)}}
	m.appendID = func(dst []byte, _ int, id []byte) []byte { return append(dst, id...) }
	for i := range m.stream.subscriptions {
		m.stream.subscriptions[i].cursor.feed = NewFeed(FeedConfig{})
	}
	run := append(event(t, 1, 200), event(t, 2, 200)...)
	if n := testing.AllocsPerRun(1000, func() {
		_ = m.addFrames(0, run)
		_ = m.addFrames(1, run)
		_ = m.flush()
	}); n >= 2 { // one for each run of frames; with the race detector, a sync.Pool drops some items, which costs about half of one
		t.Errorf("it allocates %v times", n)
	}
}

// nowhere is a connection that discards everything.
type nowhere struct{ conn }

func (nowhere) write(p []byte, _ time.Time) (int, error) { return len(p), nil }

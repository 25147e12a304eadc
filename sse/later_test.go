package sse

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// later returns a part that consists of a frame, and the position from which it needs changes.
func later(g *Group, f *Feed, data string) *Later {
	return g.NewLater(func() ([]Piece, Position) { return Plain([]byte(text(data))), f.End() })
}

// change appends messages that streams leave out before their later part.
func change(t *testing.T, f *Feed, data ...string) {
	t.Helper()
	for _, d := range data {
		if err := f.AppendChange([]byte(text(d))); err != nil {
			t.Fatal(err)
		}
	}
	f.Wake()
}

// connectLater starts a stream with a later part.
func connectLater(t *testing.T, g *Group, f *Feed, l *Later) *peer {
	t.Helper()
	p := open(t, g)
	p.stream.SendLater(l)
	p.start(f, f.End())
	p.head(t)
	return p
}

// eachWay runs a test with a stream of one feed, and with one of several.
func eachWay(t *testing.T, test func(t *testing.T, g *Group, f *Feed, connect func(*Later) *peer)) {
	t.Helper()
	t.Run("one feed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var g Group
			f := NewFeed(FeedConfig{})
			test(t, &g, f, func(l *Later) *peer { return connectLater(t, &g, f, l) })
		})
	})
	t.Run("several feeds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var g Group
			f, other := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
			test(t, &g, f, func(l *Later) *peer {
				p := open(t, &g)
				sources := []Source{{Feed: other}, {Feed: f, From: f.End(), Later: l}}
				p.stream.StartMux(nil, sources, lastIDs(2), func(cause error) { p.ended <- cause })
				p.head(t)
				return p
			})
		})
	})
}

func TestStreamLeavesOutChangesUntilItsLaterPart(t *testing.T) {
	eachWay(t, func(t *testing.T, g *Group, f *Feed, connect func(*Later) *peer) {
		change(t, f, "a change before the start")
		l := later(g, f, "the part")
		p := connect(l)
		change(t, f, "change 1", "change 2")
		publish(t, f, "event 1")
		change(t, f, "change 3")
		publish(t, f, "event 2")
		p.expect(t, "event 1", "event 2")
		change(t, f, "change 4")
		synctest.Wait()
		g.Queue([]*Later{l})
		p.expect(t, "the part")
		change(t, f, "change 5")
		publish(t, f, "event 3")
		p.expect(t, "change 5", "event 3")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestLaterPartThatWasDueBeforeTheStreamStarted(t *testing.T) {
	eachWay(t, func(t *testing.T, g *Group, f *Feed, connect func(*Later) *peer) {
		l := later(g, f, "the part")
		g.Queue([]*Later{l})
		p := connect(l)
		p.expect(t, "the part")
		change(t, f, "a change")
		p.expect(t, "a change")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

func TestStreamThatEndsBeforeItsLaterPartHasNoChanges(t *testing.T) {
	eachWay(t, func(t *testing.T, g *Group, f *Feed, connect func(*Later) *peer) {
		p := connect(later(g, f, "the part"))
		change(t, f, "a change")
		p.stream.End([]byte(text("the last frame")))
		p.expect(t, "the last frame")
		p.expectEnd(t, ErrEnded)
	})
}

func TestChangesAreLeftOutAcrossSegments(t *testing.T) {
	eachWay(t, func(t *testing.T, g *Group, f *Feed, connect func(*Later) *peer) {
		l := later(g, f, "the part")
		p := connect(l)
		for i := range 200 {
			change(t, f, fmt.Sprintf("change %d %01000d", i, 0))
			if i%10 == 0 {
				publish(t, f, fmt.Sprint(i))
				p.expect(t, fmt.Sprint(i))
			}
		}
		g.Queue([]*Later{l})
		p.expect(t, "the part")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
	})
}

// Readers that do not read, and streams that have ended or never started, delay the part of another reader a little.
func TestStalledReadersPassTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		var parts []*Later
		add := func() *Later {
			l := later(&g, f, "the part")
			parts = append(parts, l)
			return l
		}
		var all []*peer
		for range 2 * maxTurns {
			all = append(all, connectLater(t, &g, f, add())) // does not read from now on
		}
		for range maxTurns {
			p := connectLater(t, &g, f, add())
			p.stream.End(nil)
			p.expectEnd(t, ErrEnded)
			add() // its stream never starts
		}
		healthy := connectLater(t, &g, f, add())
		all = append(all, healthy)
		synctest.Wait()
		g.Queue(parts)
		began := time.Now()
		publish(t, f, "an event")
		healthy.expect(t, "an event")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("an event waited %v for the parts", waited)
		}
		healthy.expect(t, "the part")
		if waited := time.Since(began); waited != 3*turnTime {
			t.Errorf("the part came after %v", waited)
		}
		time.Sleep(turnTime)
		synctest.Wait()
		if g.turns.running != 0 || g.turns.first != nil {
			t.Errorf("%d parts are being sent, and the next is %v", g.turns.running, g.turns.first)
		}
		f.Close(nil)
		for _, p := range all {
			p.Close()
			<-p.ended
		}
	})
}

func TestFewLaterPartsAreSentAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		var parts []*Later
		var all []*peer
		for i := range maxTurns + 1 {
			parts = append(parts, later(&g, f, fmt.Sprint("part ", i)))
			all = append(all, connectLater(t, &g, f, parts[i]))
		}
		g.Queue(parts)
		synctest.Wait()
		if parts[maxTurns].due.Load() {
			t.Fatal("all parts are due")
		}
		all[7].expect(t, "part 7")
		synctest.Wait()
		if !parts[maxTurns].due.Load() {
			t.Error("after a part has been sent, the next one is not due")
		}
		for i, p := range all {
			if i != 7 {
				p.expect(t, fmt.Sprint("part ", i))
			}
		}
		f.Close(nil)
		for _, p := range all {
			p.expectEnd(t, ErrClosed)
		}
	})
}

// counter is a state that changes while streams get it as their later part.
type counter struct {
	mu    sync.Mutex
	value int
	feed  *Feed
}

func (c *counter) increment(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value++
	change(t, c.feed, fmt.Sprint("changed to ", c.value))
}

func (c *counter) later(g *Group) *Later {
	return g.NewLater(func() ([]Piece, Position) {
		c.mu.Lock()
		defer c.mu.Unlock()
		padding := strings.Repeat(" ", 20<<10)
		return Plain([]byte(text(fmt.Sprint("value ", c.value, padding)))), c.feed.End()
	})
}

// Over real connections, each reader gets all events in order, the value once, and then each change of it.
func TestReadersFoldTheirLaterPartAndAllChangesAfterIt(t *testing.T) {
	const readers, steps = 20, 120
	kinds := map[string]func(*httptest.Server){"HTTP/2": overHTTP2}
	maps.Copy(kinds, servers)
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{})
			c := counter{feed: s.feed}
			parts := make(chan *Later, readers)
			s.start = func(stream *Stream) {
				l := c.later(&s.group)
				stream.SendLater(l)
				parts <- l
			}
			var reading sync.WaitGroup
			for range readers {
				resp, r := s.get(t)
				limit := time.AfterFunc(time.Minute, func() { resp.Body.Close() })
				defer limit.Stop()
				reading.Go(func() { foldCounter(t, r, steps) })
			}
			for i := range steps {
				c.increment(t)
				mustAppend(t, s.feed, int64(i+1), event(t, int64(i+1), 0))
				s.feed.Wake()
				if i >= steps/4 && len(parts) > 0 {
					s.group.Queue([]*Later{<-parts})
				}
				runtime.Gosched()
			}
			reading.Wait()
		})
	}
}

// foldCounter reads a stream until it knows the last event and the last value.
func foldCounter(t *testing.T, r *eventReader, steps int) {
	value, seq := -1, 0
	for value < steps || seq < steps {
		m, err := r.next()
		if err != nil {
			t.Error(err)
			return
		}
		var n int
		if _, err := fmt.Sscanf(m.data, "value %d", &n); err == nil {
			if value >= 0 {
				t.Error("the value came twice")
			}
			value = n
		} else if _, err := fmt.Sscanf(m.data, "changed to %d", &n); err == nil {
			if n != value+1 {
				t.Errorf("changed to %d after %d", n, value)
				return
			}
			value = n
		} else if seq++; m.id != fmt.Sprint(seq) {
			t.Errorf("event %s instead of %d", m.id, seq)
			return
		}
	}
}

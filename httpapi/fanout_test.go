package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
)

// audience is the readers of one room, on connections that take everything at once.
type audience struct {
	server *Server
	room   *core.Room
	feed   *roomFeed

	taken   atomic.Int64  // bytes, by all readers
	awaited atomic.Int64  // what taken is to come to
	arrived chan struct{} // when it has
}

func newAudience(tb testing.TB, feeds FeedsConfig) *audience {
	tb.Helper()
	store := memstore.New()
	server := New(Config{Hub: core.Config{Store: store}, Feeds: feeds})
	hub := server.Hub()
	room, release, err := hub.Room(tb.Context(), "r")
	if err != nil {
		tb.Fatal(err)
	}
	a := &audience{
		server: server, room: room, feed: feedOf(room), arrived: make(chan struct{}, 1),
	}
	a.awaited.Store(-1)
	tb.Cleanup(func() {
		release()
		a.server.Drain()
		if err := a.server.Wait(context.Background()); err != nil {
			tb.Error(err)
		}
		if err := hub.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return a
}

// join opens a stream and returns its connection once the reader is up to date.
func (a *audience) join(tb testing.TB) *tap {
	tb.Helper()
	c := &tap{audience: a, closed: make(chan struct{}), greeted: make(chan struct{})}
	a.server.ServeHTTP(lender{http.Header{}, c}, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/v1/rooms/r/events", nil))
	<-c.greeted
	return c
}

// await returns when so many readers have all that the feed got while say ran.
func (a *audience) await(readers int, say func()) {
	before, from := a.taken.Load(), a.feed.End()
	say()
	want := before + int64(readers)*int64(a.feed.End()-from)
	a.awaited.Store(want)
	for a.taken.Load() < want {
		<-a.arrived
	}
	a.awaited.Store(-1)
}

// lender is an http.ResponseWriter that hands out its connection.
type lender struct {
	header http.Header
	conn   net.Conn
}

func (l lender) Header() http.Header                          { return l.header }
func (l lender) WriteHeader(int)                              {}
func (l lender) Write(p []byte) (int, error)                  { return len(p), nil }
func (l lender) Hijack() (net.Conn, *bufio.ReadWriter, error) { return l.conn, nil, nil }

// tap is a connection whose reader is always ready, and has nothing to say.
type tap struct {
	net.Conn // for the methods that a stream does not need
	audience *audience
	greeted  chan struct{} // closed when the reader is up to date
	once     sync.Once
	closed   chan struct{}
	last     atomic.Pointer[byte] // where the text last written stands in memory
}

func (c *tap) Read([]byte) (int, error) {
	<-c.closed
	return 0, net.ErrClosed
}

func (c *tap) Write(p []byte) (int, error) {
	c.last.Store(unsafe.SliceData(p))
	select {
	case <-c.greeted:
		if c.audience.taken.Add(int64(len(p))) == c.audience.awaited.Load() {
			select {
			case c.audience.arrived <- struct{}{}:
			default: // it is known already
			}
		}
	default:
		if bytes.Contains(p, []byte("event: up-to-date")) {
			close(c.greeted)
		}
	}
	return len(p), nil
}

func (c *tap) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *tap) SetDeadline(time.Time) error      { return nil }
func (c *tap) SetWriteDeadline(time.Time) error { return nil }

// said is a batch that sets one member.
func said(seq int64, value string) *core.Batch {
	return &core.Batch{Room: "r", Key: "default", ClientID: "ada", ClientSeq: seq, ServerSeq: seq, ServerTs: 1_700_000_000_000,
		Ops: []core.LoggedOp{{Kind: tree.Set, Path: "todos[8f14e45f].title", Value: value, Index: tree.NoIndex}}}
}

// All readers are sent the same bytes, and not copies of them.
func TestABatchIsFramedOnceForAllItsReaders(t *testing.T) {
	a := newAudience(t, FeedsConfig{})
	taps := make([]*tap, 50)
	for i := range taps {
		taps[i] = a.join(t)
	}
	for seq := range int64(10) {
		a.await(len(taps), func() { a.feed.Committed([]*core.Batch{said(seq+1, `"x"`)}) })
		for _, c := range taps[1:] {
			if c.last.Load() != taps[0].last.Load() {
				t.Fatal("two readers are sent the same batch from different places in memory")
			}
		}
	}
}

// Those who join are sent one encoding of the documents, however much happens meanwhile, until what has happened since is
// more than the documents themselves.
func TestJoinersShareOneFramingOfTheDocuments(t *testing.T) {
	a := newAudience(t, FeedsConfig{})
	set := func(value string) {
		t.Helper()
		p, err := a.server.decodeBatch([]byte(`{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":"` + value + `"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.room.Submit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	documents := func() (framedAt int64) {
		a.feed.begin(t.Context(), a.room, nowhere, false)
		return a.feed.whole.seq
	}
	set(strings.Repeat("x", 10_000))
	first := documents()
	for range 5 {
		set("small")
		if documents() != first {
			t.Fatal("the documents were framed anew for a small change")
		}
	}
	set(strings.Repeat("y", 11_000))
	if documents() == first {
		t.Error("what happened since is more than the documents, and they were not framed anew")
	}
}

// One commit in a room, told to all its readers. What it takes for one reader and for a thousand differs by no allocation.
// A crowd is roused once in the time that serving it takes, which is the time that is measured from a hundred readers on.
// The rounds are few then, so that what the runtime allocates once can show as some allocations of each.
func BenchmarkFanOut(b *testing.B) {
	for _, readers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			a := newAudience(b, FeedsConfig{})
			for range readers {
				a.join(b)
			}
			batch := said(0, `"Buy milk, bread and two dozen eggs"`)
			batches := []*core.Batch{batch}
			b.ReportAllocs()
			for b.Loop() {
				a.await(readers, func() {
					batch.ServerSeq++
					a.feed.Committed(batches)
				})
			}
			b.ReportMetric(float64(readers)*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

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
	"github.com/pathsync/pathsync/httpapi/feed"
)

// audience is the readers of one room. Their connections accept all data at once.
type audience struct {
	server *Server
	room   *core.Room
	feed   *feed.Room

	received atomic.Int64  // bytes that all readers have read
	awaited  atomic.Int64  // the awaited value of received
	arrived  chan struct{} // receives when received has that value
}

func newAudience(tb testing.TB, feeds feed.Config) *audience {
	tb.Helper()
	store := memstore.New()
	server := New(Config{Hub: core.Config{Store: store}, Feeds: feeds})
	hub := server.Hub()
	room, release, err := hub.Room(tb.Context(), "r")
	if err != nil {
		tb.Fatal(err)
	}
	a := &audience{
		server: server, room: room, feed: feed.Of(room), arrived: make(chan struct{}, 1),
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
	a.server.ServeHTTP(hijackable{http.Header{}, c}, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/v1/rooms/r/events", nil))
	<-c.greeted
	return c
}

// await calls say and returns when all readers have the events of the call.
func (a *audience) await(readers int, say func()) {
	before, from := a.received.Load(), a.feed.End()
	say()
	want := before + int64(readers)*int64(a.feed.End()-from)
	a.awaited.Store(want)
	for a.received.Load() < want {
		<-a.arrived
	}
	a.awaited.Store(-1)
}

// hijackable is an http.ResponseWriter with a connection to hijack.
type hijackable struct {
	header http.Header
	conn   net.Conn
}

func (h hijackable) Header() http.Header                          { return h.header }
func (h hijackable) WriteHeader(int)                              {}
func (h hijackable) Write(p []byte) (int, error)                  { return len(p), nil }
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, nil, nil }

// tap is a connection whose reader is always ready and sends nothing.
type tap struct {
	net.Conn // for the methods that a stream does not need
	audience *audience
	greeted  chan struct{} // closed when the reader is up to date
	once     sync.Once
	closed   chan struct{}
	last     atomic.Pointer[byte] // address of the last written data
}

func (c *tap) Read([]byte) (int, error) {
	<-c.closed
	return 0, net.ErrClosed
}

func (c *tap) Write(p []byte) (int, error) {
	c.last.Store(unsafe.SliceData(p))
	select {
	case <-c.greeted:
		if c.audience.received.Add(int64(len(p))) == c.audience.awaited.Load() {
			select {
			case c.audience.arrived <- struct{}{}:
			default: // already signalled
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

// setBatch returns a batch that sets one member.
func setBatch(seq int64, value string) *core.Batch {
	return &core.Batch{Room: "r", Key: "default", ClientID: "ada", ClientSeq: seq, ServerSeq: seq, ServerTs: 1_700_000_000_000,
		Ops: []core.LoggedOp{{Kind: tree.Set, Path: "todos[8f14e45f].title", Value: value, Index: tree.NoIndex}}}
}

// post commits a batch.
func (a *audience) post(tb testing.TB) {
	tb.Helper()
	const batch = `{"clientId":"ada","key":"default","ops":[{"path":"x","op":"set","value":1}]}`
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/rooms/r/ops", strings.NewReader(batch))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if a.server.ServeHTTP(w, r); w.Code != http.StatusOK {
		tb.Fatalf("%d: %s", w.Code, w.Body)
	}
}

func TestReadersShareTheFrameOfABatch(t *testing.T) {
	a := newAudience(t, feed.Config{})
	taps := make([]*tap, 50)
	for i := range taps {
		taps[i] = a.join(t)
	}
	for range 10 {
		a.await(len(taps), func() { a.post(t) })
		for _, c := range taps[1:] {
			if c.last.Load() != taps[0].last.Load() {
				t.Fatal("two readers get copies of a batch")
			}
		}
	}
}

// BenchmarkFanOut measures one commit and its delivery to all readers. The number of readers does not change the number of
// allocations. From a hundred readers on, wake-ups are delayed by the time that delivery takes, which dominates the result;
// then there are few iterations, so one-time allocations of the runtime may be visible.
func BenchmarkFanOut(b *testing.B) {
	for _, readers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			a := newAudience(b, feed.Config{})
			for range readers {
				a.join(b)
			}
			batch := setBatch(0, `"Buy milk, bread and two dozen eggs"`)
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

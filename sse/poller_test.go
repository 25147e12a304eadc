package sse

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// opaque hides the sockets of a server's connections, so that goroutines watch them and write to them.
type opaque struct{ net.Listener }

func (l opaque) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

func overOpaque(s *httptest.Server) {
	s.Listener = opaque{s.Listener}
	s.Start()
}

// servers are the kinds of servers that differ in how they serve idle streams.
var servers = map[string]func(*httptest.Server){"polled": overHTTP1, "with goroutines": overOpaque, "TLS": overTLS}

// await waits for a condition that other goroutines or the system establish.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the condition is not met after 20 s")
		}
	}
}

// awaitIdle waits until some streams of the group have no owner.
func awaitIdle(t *testing.T, g *Group, streams int) {
	t.Helper()
	await(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		waiting := 0
		for _, s := range g.streams {
			if s.state.Load() == idle {
				waiting++
			}
		}
		return waiting == streams
	})
}

func onlyStream(g *Group) *Stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.streams[0]
}

// goroutines returns how many goroutines are in this package, without those of tests.
func goroutines() (n int) {
	stacks := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		for _, of := range []string{"sse.(*Stream)", "sse.(*worker)", "sse.(*poller)", "sse.(*hijackedConn)"} {
			if strings.Contains(stack, of) {
				n++
				break
			}
		}
	}
	return n
}

func TestIdleStreamsHaveNoGoroutine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a poller")
	}
	const streams = 100
	s := serve(t, overHTTP1, FeedConfig{})
	for range streams {
		dial(t, s)
		<-s.returned
	}
	for range 2 {
		awaitIdle(t, &s.group, streams)
		await(t, func() bool { return goroutines() == 1 }) // the poller
		publish(t, s.feed, "x")
	}
}

func TestShutdownLeavesNoGoroutineAndNoDescriptor(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			before := descriptors()
			s := serve(t, start, FeedConfig{})
			var bodies []io.Closer
			for range 20 {
				resp, _ := s.get(t)
				bodies = append(bodies, resp.Body)
			}
			for _, body := range bodies[:10] {
				_ = body.Close()
				s.expectCause(t, ErrGone)
			}
			s.feed.Close(nil)
			if err := s.group.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			for range 10 {
				s.expectCause(t, ErrClosed)
			}
			for _, body := range bodies[10:] {
				_ = body.Close()
			}
			s.Client().CloseIdleConnections()
			s.Server.Close()
			await(t, func() bool { return goroutines() == 0 && descriptors() <= before })
		})
	}
}

// descriptors returns the number of open sockets and epoll instances; on systems other than Linux it returns 0. Go's own
// epoll instance is open from the first connection on.
func descriptors() (n int) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && (strings.HasPrefix(to, "socket:") || strings.HasSuffix(to, "[eventpoll]")) {
			n++
		}
	}
	return n
}

func TestReaderOfIdleStreamThatSendsUnexpectedDataIsCut(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{})
			conn := dialStream(t, s)
			<-s.returned
			if _, err := conn.Write(make([]byte, maxReceived)); err != nil {
				t.Fatal(err)
			}
			publish(t, s.feed, "still here")
			awaitText(t, conn, "still here")
			equal(t, len(s.ended), 0)
			_, _ = conn.Write(make([]byte, maxReceived))
			s.expectCause(t, ErrUnexpectedData)
		})
	}
}

func TestEndOfIdleStreamSendsLastFrameAndClosesConnection(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{})
			_, r := s.get(t)
			awaitIdle(t, &s.group, 1)
			onlyStream(&s.group).End([]byte(text("last")))
			s.expect(t, r, "last")
			if _, err := r.next(); err != io.EOF {
				t.Errorf("the body ends with %v", err)
			}
			s.expectCause(t, ErrEnded)
		})
	}
}

func TestAbortOfEndedStreamSparesTheNextConnectionWithItsDescriptor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux a stream has a descriptor")
	}
	s := serve(t, overHTTP1, FeedConfig{})
	first := dialStream(t, s)
	<-s.returned
	ended := onlyStream(&s.group)
	_ = first.Close()
	s.expectCause(t, ErrGone)
	for range 10 { // one of them has the descriptor
		conn := dialStream(t, s)
		<-s.returned
		ended.conn.abort()
		publish(t, s.feed, "still here")
		awaitText(t, conn, "still here")
	}
	equal(t, len(s.ended), 0)
}

func TestBlockedWriteContinuesWhenTheReaderReads(t *testing.T) {
	large := strings.Repeat("x", 8<<20) // more than the buffers of both ends
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{MaxBytes: 32 << 20})
			conn := dialStream(t, s)
			<-s.returned
			stream := onlyStream(&s.group)
			for range 2 {
				sent := stream.Sent()
				publish(t, s.feed, large)
				await(t, func() bool { return stream.Sent() > sent })
				if _, err := io.CopyN(io.Discard, conn, int64(len(large))); err != nil {
					t.Fatal(err)
				}
			}
			publish(t, s.feed, "the end")
			awaitText(t, conn, "the end")
		})
	}
}

// Readers come and go while a writer appends, so streams are woken, ended by their readers and ended by the server at the
// same time.
func TestReadersMissNoEventWhileOthersLeave(t *testing.T) {
	const readers, events = 40, 2000
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{MaxBytes: 16 << 20})
			s.prelude = nil
			var reading sync.WaitGroup
			for i := range readers {
				conn := dialStream(t, s)
				<-s.returned
				reading.Go(func() {
					defer conn.Close()
					ids := eventIDs(conn)
					for want := int64(1); want <= events; want++ {
						if i%4 == 0 && want == int64(i)*10 {
							return
						}
						if id, err := ids(); id != want {
							t.Errorf("reader %d got %d instead of %d, error %v", i, id, want, err)
							return
						}
					}
				})
			}
			for seq := range int64(events) {
				mustAppend(t, s.feed, seq+1, event(t, seq+1, int(seq)%300))
				s.feed.Wake()
			}
			s.feed.Close(nil)
			reading.Wait()
			if err := s.group.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			equal(t, len(s.ended), readers)
		})
	}
}

// Readers of a busy feed leave, and connections to another feed get their descriptors.
func TestFramesNeverReachTheNextConnectionWithTheDescriptor(t *testing.T) {
	var g Group
	busy, quiet := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := g.Open(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		feed := quiet
		if r.URL.Path == "/busy" {
			feed = busy
		}
		s.Start(Plain([]byte(text("hello"))), feed, feed.End(), func(error) {})
	}))
	defer server.Close()
	open := func(path string) net.Conn {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		awaitText(t, conn, "hello")
		return conn
	}
	ctx, stop := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for ctx.Err() == nil {
			publish(t, busy, "busy")
			runtime.Gosched()
		}
	})
	for range 100 {
		left := open("/busy")
		next := func() net.Conn { _ = left.Close(); return open("/quiet") }()
		publish(t, quiet, "mine")
		if got := awaitText(t, next, "mine"); strings.Contains(got, "busy") {
			t.Fatalf("the reader got %q", got)
		}
		_ = next.Close()
	}
	stop()
	publishing.Wait()
	busy.Close(nil)
	quiet.Close(nil)
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// awaitText reads until the text has arrived, and returns everything read.
func awaitText(t *testing.T, conn io.Reader, want string) string {
	t.Helper()
	var got []byte
	buf := make([]byte, 1024)
	for !strings.Contains(string(got), want) {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %q after %q: %v", want, got, err)
		}
		got = append(got, buf[:n]...)
	}
	return string(got)
}

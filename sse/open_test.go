package sse

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	r3labs "github.com/r3labs/sse/v2"
)

// service serves one feed over HTTP, from its end.
type service struct {
	*httptest.Server
	group    Group
	feed     *Feed
	prelude  [][]byte
	wrap     func(http.ResponseWriter) http.ResponseWriter
	start    func(*Stream) // before it starts
	returned chan struct{} // a value for each handler that has returned
	ended    chan error    // the causes of onEnd
}

// serve starts a service whose streams start with an event `hello`.
func serve(t *testing.T, start func(*httptest.Server), cfg FeedConfig) *service {
	t.Helper()
	s := &service{
		feed:     NewFeed(cfg),
		prelude:  [][]byte{[]byte(text("hello"))},
		wrap:     func(w http.ResponseWriter) http.ResponseWriter { return w },
		start:    func(*Stream) {},
		returned: make(chan struct{}, 1000),
		ended:    make(chan error, 1000),
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.returned <- struct{}{} }()
		w.Header().Set("X-Request-Id", "17")
		w.Header().Set("Content-Length", "17")
		stream, err := s.group.Open(s.wrap(w), r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			s.ended <- err
			return
		}
		s.start(stream)
		stream.Start(Plain(s.prelude...), s.feed, s.feed.End(), func(cause error) { s.ended <- cause })
	}))
	start(s.Server)
	t.Cleanup(func() {
		s.feed.Close(nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.group.Shutdown(ctx)
		s.Server.Close()
	})
	return s
}

func overHTTP1(s *httptest.Server) { s.Start() }

func overTLS(s *httptest.Server) { s.StartTLS() }

func overHTTP2(s *httptest.Server) {
	s.EnableHTTP2 = true
	s.StartTLS()
}

// get opens a stream and reads its first event.
func (s *service) get(t *testing.T) (*http.Response, *eventReader) {
	t.Helper()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	r := newEventReader(resp.Body)
	s.expect(t, r, "hello")
	return resp, r
}

func (s *service) expect(t *testing.T, r *eventReader, data ...string) {
	t.Helper()
	for _, want := range data {
		m, err := r.next()
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		equal(t, m.data, want)
	}
}

func (s *service) expectCause(t *testing.T, cause error) {
	t.Helper()
	if err := <-s.ended; !errors.Is(err, cause) {
		t.Fatalf("the stream ended with %v; want %v", err, cause)
	}
}

func TestResponseHeadMatchesGoldenFile(t *testing.T) {
	for _, tt := range []struct{ proto, golden string }{{"HTTP/1.1", "head-1.1.txt"}, {"HTTP/1.0", "head-1.0.txt"}} {
		synctest.Test(t, func(t *testing.T) { // for a constant Date
			var g Group
			here, there := net.Pipe()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Proto = tt.proto
			r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(tt.proto)
			w := &hijackable{conn: here, header: http.Header{
				"Access-Control-Allow-Origin": {"https://example.com"},
				"Vary":                        {"Origin", "Accept"},
				"X-Forged":                    {"a\r\n\r\ndata: b"},
				"Content-Type":                {"text/plain"},
				"Content-Length":              {"5"},
				"Transfer-Encoding":           {"chunked"},
				"Connection":                  {"keep-alive"},
			}}
			s, err := g.Open(w, r)
			if err != nil {
				t.Fatal(err)
			}
			f := NewFeed(FeedConfig{})
			f.Close(nil)
			s.Start(nil, f, 0, func(error) {})
			head, _ := io.ReadAll(there)
			golden(t, tt.golden, head)
		})
	}
}

func TestStreamWorksOnEveryKindOfConnection(t *testing.T) {
	hideHijack := func(w http.ResponseWriter) http.ResponseWriter { return flushOnly{w} }
	tests := map[string]struct {
		start    func(*httptest.Server)
		wrap     func(http.ResponseWriter) http.ResponseWriter
		proto    string
		hijacked bool // the handler returns before the stream ends
	}{
		"HTTP/1.1":                         {overHTTP1, nil, "HTTP/1.1", true},
		"HTTP/1.1 over TLS":                {overTLS, nil, "HTTP/1.1", true},
		"HTTP/1.1 behind a wrapper":        {overHTTP1, func(w http.ResponseWriter) http.ResponseWriter { return wrapper{w} }, "HTTP/1.1", true},
		"HTTP/1.1 that cannot be hijacked": {overHTTP1, hideHijack, "HTTP/1.1", false},
		"HTTP/2":                           {overHTTP2, nil, "HTTP/2.0", false},
	}
	for name, tt := range both(tests) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tt.start, FeedConfig{})
			s.group.Compress = strings.HasSuffix(name, compressed)
			if tt.wrap != nil {
				s.wrap = tt.wrap
			}
			resp, r := s.get(t)
			equal(t, resp.StatusCode, http.StatusOK)
			equal(t, resp.Proto, tt.proto)
			equal(t, resp.ContentLength, -1)
			equal(t, resp.Uncompressed, s.group.Compress) // net/http decodes it
			for name, want := range map[string]string{
				"Content-Type":      "text/event-stream",
				"Cache-Control":     "no-cache, no-transform",
				"X-Accel-Buffering": "no",
				"X-Request-Id":      "17",
			} {
				equal(t, resp.Header.Get(name), want)
			}
			if resp.Header.Get("Date") == "" {
				t.Error("no Date")
			}
			if tt.hijacked {
				<-s.returned
			}
			publish(t, s.feed, "one", "two")
			s.expect(t, r, "one", "two")

			s.feed.Close(func(int) []byte { return []byte(text("last")) })
			s.expect(t, r, "last")
			if _, err := r.next(); err != io.EOF {
				t.Errorf("the body ends with %v", err)
			}
			s.expectCause(t, ErrClosed)
			if !tt.hijacked {
				<-s.returned
			}
		})
	}
}

const compressed = ", compressed"

// both returns each test twice, the second time with compression.
func both[T any](tests map[string]T) map[string]T {
	twice := maps.Clone(tests)
	for name, tt := range tests {
		twice[name+compressed] = tt
	}
	return twice
}

func TestStreamEndsWhenItsReaderCloses(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"HTTP/1.1": overHTTP1, "TLS": overTLS, "HTTP/2": overHTTP2} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{})
			resp, _ := s.get(t)
			resp.Body.Close()
			s.expectCause(t, ErrGone)
		})
	}
}

func TestStalledReaderIsCutOnHTTP2(t *testing.T) {
	s := serve(t, overHTTP2, FeedConfig{})
	s.group.WriteTimeout = 200 * time.Millisecond
	s.get(t)
	publish(t, s.feed, strings.Repeat("x", 16<<20)) // more than HTTP/2's flow control window
	s.expectCause(t, ErrStalled)
}

func TestIdleStreamOutlivesItsWriteDeadline(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"HTTP/1.1": overHTTP1, "HTTP/2": overHTTP2} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, start, FeedConfig{Heartbeat: 150 * time.Millisecond})
			s.group.WriteTimeout = 100 * time.Millisecond
			_, r := s.get(t)
			for range 3 {
				if line, err := r.line(); line != ": " || err != nil {
					t.Fatalf("got %q, error %v", line, err)
				}
				if line, err := r.line(); line != "" || err != nil {
					t.Fatalf("got %q, error %v", line, err)
				}
			}
		})
	}
}

func TestShutdownAbortsStalledStreamOnHTTP2(t *testing.T) {
	s := serve(t, overHTTP2, FeedConfig{})
	s.group.WriteTimeout = time.Hour
	s.get(t)
	publish(t, s.feed, strings.Repeat("x", 16<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.group.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.expectCause(t, ErrClosed)
}

func TestServerTimeoutsDoNotEndAStream(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"HTTP/1.1": overHTTP1, "HTTP/2": overHTTP2} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(server *httptest.Server) {
				server.Config.ReadTimeout = 200 * time.Millisecond
				server.Config.WriteTimeout = 200 * time.Millisecond
				start(server)
			}, FeedConfig{Heartbeat: 300 * time.Millisecond})
			_, r := s.get(t)
			if line, err := r.line(); line != ": " || err != nil {
				t.Fatalf("got %q, error %v", line, err)
			}
		})
	}
}

func TestAnotherSSELibraryReadsTheStream(t *testing.T) {
	s := serve(t, overHTTP1, FeedConfig{})
	s.prelude = [][]byte{AppendRetry(AppendComment(nil, "hello"), time.Second), mustFrame(t, "e-1", "delta", `{"a":1}`)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := make(chan *r3labs.Event)
	go func() {
		client := r3labs.NewClient(s.URL)
		_ = client.SubscribeRawWithContext(ctx, func(e *r3labs.Event) { events <- e })
	}()
	for {
		e := <-events
		if len(e.Data) == 0 {
			continue // the library reports comments, too
		}
		equal(t, string(e.ID)+" "+string(e.Event)+" "+string(e.Data), `e-1 delta {"a":1}`)
		return
	}
}

func TestResponseThatCannotFlushIsRefused(t *testing.T) {
	var g Group
	w := httptest.NewRecorder()
	_, err := g.Open(struct{ http.ResponseWriter }{w}, httptest.NewRequest(http.MethodGet, "/", nil))
	if !errors.Is(err, http.ErrNotSupported) {
		t.Error(err)
	}
	w.WriteHeader(http.StatusTeapot)
	equal(t, w.Code, http.StatusTeapot) // nothing was sent before
}

func TestHijackedConnectionIsRefused(t *testing.T) {
	var g Group
	w := failingHijack{httptest.NewRecorder()}
	if _, err := g.Open(w, httptest.NewRequest(http.MethodGet, "/", nil)); !errors.Is(err, http.ErrHijacked) {
		t.Error(err)
	}
}

func TestStreamWorksWithAResponseRecorder(t *testing.T) {
	var g Group
	f := NewFeed(FeedConfig{})
	f.Close(func(int) []byte { return []byte(text("last")) })
	w := httptest.NewRecorder()
	s, err := g.Open(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	s.Start(nil, f, 0, func(cause error) { equal(t, cause, ErrClosed) })
	equal(t, w.Body.Bytes(), textOf([]byte(text("last"))))
}

// A TLS connection has to end with close_notify. Otherwise the body seems truncated.
func TestTLSStreamEndsWithCloseNotify(t *testing.T) {
	s := serve(t, overTLS, FeedConfig{})
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-s.returned
	s.feed.Close(nil)
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
}

// flushOnly is a response that can be flushed but not hijacked.
type flushOnly struct{ w http.ResponseWriter }

func (f flushOnly) Header() http.Header         { return f.w.Header() }
func (f flushOnly) Write(p []byte) (int, error) { return f.w.Write(p) }
func (f flushOnly) WriteHeader(status int)      { f.w.WriteHeader(status) }
func (f flushOnly) FlushError() error           { return http.NewResponseController(f.w).Flush() }

// wrapper is a response that a middleware has wrapped.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type failingHijack struct{ http.ResponseWriter }

func (failingHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrHijacked }

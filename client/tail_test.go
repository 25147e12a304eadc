package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
)

// script serves streams, one after the other, and keeps the positions that they resume from.
type script struct {
	streams []string
	asked   []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.Header.Get("Last-Event-ID"))
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, s.streams[len(s.asked)-1])
	_ = http.NewResponseController(w).Flush()
	if len(s.asked) == 1 {
		<-r.Context().Done() // silent from now on
	}
}

func TestTailLeavesStreamWithoutHeartbeatAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{streams: []string{
			": hello\n\nid: e-1\nevent: delta\ndata: {}\n\n",
			"event: problem\ndata: {\"title\":\"Enough\",\"code\":\"stream_replaced\",\"retryable\":false}\n\n",
		}}
		var retried []error
		c := newClient(t, Config{
			Server: "http://server", Transport: testkit.Serve(t, s), Heartbeat: 4 * time.Second,
			OnRetry: func(err error, _ time.Duration) { retried = append(retried, err) },
		})
		began := time.Now()
		var names []string
		var last error
		for event, err := range c.Tail(t.Context(), Subscription{Rooms: []string{"r"}}) {
			names, last = append(names, event.Name), err
		}
		if p := new(Problem); !errors.As(last, &p) || p.Code != "stream_replaced" || len(names) != 3 {
			t.Errorf("%q, %v", names, last)
		}
		if len(retried) != 1 || !errors.Is(retried[0], ErrSilent) || s.asked[1] != "e-1" {
			t.Errorf("retried after %v, asked %q", retried, s.asked)
		}
		if took := time.Since(began); took < 10*time.Second || took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestTailLeavesServerThatDoesNotBeginStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newClient(t, Config{
			Server: "http://server", Heartbeat: time.Hour,
			Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}),
			Wait: func(context.Context, time.Duration) error { return context.Canceled },
			OnRetry: func(err error, _ time.Duration) {
				if took := time.Since(began); !errors.Is(err, ErrSilent) || took != Patience {
					t.Errorf("%v after %v", err, took)
				}
			},
		})
		for _, err := range c.Tail(t.Context(), Subscription{Rooms: []string{"r"}}) {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

func TestTailLimitsWaitsThatServerAsksFor(t *testing.T) {
	for name, stream := range map[string]string{
		"reconnect event": "event: reconnect\ndata: {\"afterMs\":9223372036854775807}\n\n",
		"retry field":     "retry: 2147483647\n\nevent: delta\ndata: {}\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			var waited time.Duration
			c := newClient(t, Config{
				Server: "http://server",
				Transport: testkit.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, stream)
				})),
				Wait: func(_ context.Context, d time.Duration) error { waited = d; return context.Canceled },
			})
			for range c.Tail(t.Context(), Subscription{Rooms: []string{"r"}}) {
				continue
			}
			if waited != MaxRetryAfter {
				t.Errorf("waited %v, want %v", waited, MaxRetryAfter)
			}
		})
	}
}

// follow returns the events of Tail by name, and its last error. The server gives one answer after the other, and then refuses.
func follow(t *testing.T, answers ...http.HandlerFunc) (names, resumed []string, last error) {
	t.Helper()
	asked := 0
	c := newClient(t, Config{
		Server: "http://server",
		Transport: testkit.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			resumed = append(resumed, r.Header.Get("Last-Event-ID"))
			if asked++; asked <= len(answers) {
				answers[asked-1](w, r)
				return
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"title":"No","code":"forbidden","retryable":false}`)
		})),
		Wait: func(context.Context, time.Duration) error { return nil },
	})
	for event, err := range c.Tail(t.Context(), Subscription{Rooms: []string{"r"}}) {
		names, last = append(names, event.Name), err
	}
	return names, resumed, last
}

func sends(status int, kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

const oneDelta = "id: e-1\nevent: delta\ndata: {}\n\n"

func TestTailDoesNotSkipAnEventThatIsNotJSON(t *testing.T) {
	broken := oneDelta + "id: e-2\nevent: delta\ndata: {\"a\":\n\nid: e-3\nevent: delta\ndata: {}\n\n"
	names, resumed, _ := follow(t, sends(http.StatusOK, "text/event-stream", broken))
	if !slices.Equal(names, []string{"delta", ""}) || !slices.Equal(resumed, []string{"", "e-1"}) {
		t.Errorf("events %q, resumed after %q", names, resumed)
	}
}

func TestTailIgnoresUnknownEventThatIsNotJSON(t *testing.T) {
	names, _, _ := follow(t, sends(http.StatusOK, "text/event-stream", "event: color\ndata: red\n\ndata\n\n"+oneDelta))
	if !slices.Equal(names, []string{"delta", ""}) {
		t.Errorf("events %q", names)
	}
}

func TestTailReconnectsAfterAnswersOfAProxyOnceAStreamHasBegun(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":         sends(http.StatusOK, "text/html", "<h1>Please sign in</h1>"),
		"no content":     sends(http.StatusNoContent, "", ""),
		"a page, 404":    sends(http.StatusNotFound, "text/html", "<h1>default backend</h1>"),
		"a problem, 403": sends(http.StatusForbidden, "application/problem+json", `{"title":"Blocked"}`),
	} {
		t.Run(name, func(t *testing.T) {
			stream := sends(http.StatusOK, "text/event-stream", oneDelta)
			names, resumed, last := follow(t, stream, answer, answer, stream)
			if p := new(Problem); !errors.As(last, &p) || p.Code != "forbidden" || !slices.Equal(names, []string{"delta", "delta", ""}) {
				t.Errorf("events %q, resumed after %q, %v", names, resumed, last)
			}
			if names, _, last := follow(t, answer, stream); len(names) != 1 || !isForeign(last) {
				t.Errorf("before a stream: events %q, %v", names, last)
			}
		})
	}
}

func TestTailToleratesABusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{streams: []string{"id: e-1\nevent: delta\ndata: {}\n\nid: e-2\nevent: delta\ndata: {}\n\n"}}
		c := newClient(t, Config{Server: "http://server", Transport: testkit.Serve(t, s)})
		for event, err := range c.Tail(t.Context(), Subscription{Rooms: []string{"r"}}) {
			if err != nil || event.Position == "e-2" {
				if len(s.asked) != 1 {
					t.Errorf("asked %q", s.asked)
				}
				break
			}
			time.Sleep(time.Hour) // of the bubble's clock
		}
	})
}

func TestTailEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newClient(t, Config{Server: "http://127.0.0.1:1"})
	for _, err := range c.Tail(ctx, Subscription{Rooms: []string{"r"}}) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

package client

import (
	"context"
	"errors"
	"io"
	"net/http"
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

func TestTailLeavesAStreamThatHasGoneSilentAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{streams: []string{
			": hello\n\nid: e-1\nevent: delta\ndata: {}\n\n",
			"event: problem\ndata: {\"title\":\"Enough\",\"code\":\"stream_replaced\",\"retryable\":false}\n\n",
		}}
		var retried []error
		c := newClient(t, Config{
			Server: "http://server", Transport: testkit.Serve(t, s),
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
		if took := time.Since(began); took < silence || took > silence+5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
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

func TestABatchWithoutANumberIsSentOnce(t *testing.T) {
	attempts := 0
	c := newClient(t, Config{Server: "http://server", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		attempts++
		return nil, io.ErrUnexpectedEOF
	})})
	if _, err := c.Submit(t.Context(), "r", Batch{ClientID: "ada", Key: "default", Ops: []Op{{Op: "delete", Path: "x"}}}); err == nil || attempts != 1 {
		t.Errorf("%v after %d attempts", err, attempts)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

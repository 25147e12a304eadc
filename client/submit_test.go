package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
)

func TestLargeBatchOverSlowLinkNeedsOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{
			Server:    "http://server",
			Transport: testkit.SlowLink{PerSecond: 20_000, Answer: `{"serverSeq":1,"results":[{"status":"applied"}]}`},
			OnRetry:   func(err error, _ time.Duration) { t.Errorf("it was sent again after %v", err) },
		})
		value := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		r, err := c.Submit(t.Context(), "r", Batch{ClientID: "ada", ClientSeq: 1, Key: "default", Ops: []Op{{Op: "set", Path: "x", Value: value}}})
		if err != nil || r.ServerSeq != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestSubmitWaitsAsLongAsServerAsksUpToMaximum(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"60": time.Minute, "600": MaxRetryAfter, "86400": MaxRetryAfter, "2147483647": MaxRetryAfter,
	} {
		var waited []time.Duration
		c := newClient(t, Config{
			Server: "http://server",
			Transport: testkit.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusServiceUnavailable)
			})),
			Wait: func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil },
		})
		_, err := c.Submit(t.Context(), "r", Batch{ClientID: "ada", ClientSeq: 1, Key: "default", Ops: []Op{{Op: "delete", Path: "x"}}})
		if err == nil || len(waited) != attempts-1 || waited[0] != want || waited[len(waited)-1] != want {
			t.Errorf("Retry-After: %s: waited %v, %v", header, waited, err)
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

// JSON would replace them, so that the batch would change something else.
func TestNamesThatAreNotUTF8AreNotSent(t *testing.T) {
	c := newClient(t, Config{Server: "http://server", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, io.ErrUnexpectedEOF
	})})
	to := "l\xff"
	for _, b := range []Batch{
		{ClientID: "\xff", Key: "k"},
		{ClientID: "c", Key: "k\xff"},
		{ClientID: "c", Key: "k", Ops: []Op{{Op: "delete", Path: "a\xff"}}},
		{ClientID: "c", Key: "k", Ops: []Op{{Op: "array_move", Path: "a[1]", To: &to}}},
	} {
		if _, err := c.Submit(t.Context(), "r", b); err == nil {
			t.Errorf("%+v is accepted", b)
		}
	}
}

func TestSubmitRepeatsABatchThatAProxyHasAnswered(t *testing.T) {
	answers := []string{"<h1>Please sign in</h1>", `{"ok":true}`, `{"serverSeq":7,"results":[{"status":"applied"}]}`}
	var bodies []string
	c := newClient(t, Config{
		Server: "http://server",
		Transport: testkit.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if answers[len(bodies)][0] == '{' {
				w.Header().Set("Content-Type", "application/json")
			}
			_, _ = io.WriteString(w, answers[len(bodies)])
			bodies = append(bodies, string(body))
		})),
		Wait: func(context.Context, time.Duration) error { return nil },
	})
	r, err := c.Submit(t.Context(), "r", Batch{ClientID: "ada", ClientSeq: 1, Key: "default", Ops: []Op{{Op: "delete", Path: "x"}}})
	if err != nil || r.ServerSeq != 7 || len(bodies) != 3 || bodies[0] != bodies[1] || bodies[1] != bodies[2] {
		t.Errorf("%+v, %v after %q", r, err, bodies)
	}
}

package callout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
	"github.com/pathsync/pathsync/pace"
)

func TestOnlyTLSAndLoopbackAreTrusted(t *testing.T) {
	for address, trusted := range map[string]bool{
		"https://app.example.com/who": true, "http://127.0.0.1:3000/": true, "http://[::1]/": true, "http://localhost:1": true,
		"http://app.example.com/": false, "http://localhost.example.com/": false, "http://10.0.0.1/": false, "ftp://localhost/": false,
		"app.example.com": false, "https://": false, "": false, "https://%zz/": false,
	} {
		if _, err := New(address, nil); (err == nil) != trusted || err != nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func newEndpoint(t *testing.T, transport http.RoundTripper) *Endpoint {
	t.Helper()
	e, err := New("https://app.test/who?key=s3cret", &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRequestHasTokenAndParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, plain{testkit.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.URL.RawQuery, " ", r.Header.Get("Authorization"), " ", r.Header.Get("Accept"))
		}))})
		arrived := 0
		status, body, err := e.Get(t.Context(), Request{
			Accept: "application/json", Token: "t", Query: url.Values{"room": {"a&b"}}, MaxBytes: 100, Progress: func() { arrived++ },
		})
		if status != 200 || string(body) != "key=s3cret&room=a%26b Bearer t application/json" || err != nil || arrived == 0 {
			t.Errorf("%d %s %v, progress %d", status, body, err, arrived)
		}
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		e := newEndpoint(t, plain{testkit.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}))})
		if status, body, err := e.Get(t.Context(), Request{MaxBytes: 100}); status != http.StatusFound || body != nil || err != nil || asked != 1 {
			t.Errorf("%d %s %v after %d requests", status, body, err, asked)
		}
	})
}

func TestAnswerHasALimitOfSizeAndOfTimeWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := testkit.SlowLink{PerSecond: 2000, Answer: strings.Repeat("x", 100_000)}
		began := time.Now()
		if _, body, err := newEndpoint(t, slow).Get(t.Context(), Request{MaxBytes: 100_000}); err != nil || len(body) != 100_000 || time.Since(began) < 10*Patience {
			t.Errorf("%d bytes, %v after %v", len(body), err, time.Since(began))
		}
		if _, _, err := newEndpoint(t, slow).Get(t.Context(), Request{MaxBytes: 99_999}); err == nil || !strings.Contains(err.Error(), "99999") {
			t.Error(err)
		}
		began = time.Now()
		slow.Stalls = true
		if _, _, err := newEndpoint(t, slow).Get(t.Context(), Request{MaxBytes: 100_000}); !errors.Is(err, pace.ErrStalled) || time.Since(began) > 2*Patience {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestErrorDoesNotContainTheURL(t *testing.T) {
	e := newEndpoint(t, failing{})
	if _, _, err := e.Get(context.Background(), Request{}); !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// plain sends requests for https:// without TLS.
type plain struct{ http.RoundTripper }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return p.RoundTripper.RoundTrip(r)
}

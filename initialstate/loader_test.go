package initialstate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/initialstate"
)

// application is an endpoint with one answer, which records its requests.
type application struct {
	*httptest.Server
	asked []string
}

func newApplication(t *testing.T, status int, body string) *application {
	a := new(application)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked = append(a.asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Accept"))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(a.Close)
	return a
}

func load(t *testing.T, url, room string) (map[string]json.RawMessage, error) {
	t.Helper()
	l, err := initialstate.New(initialstate.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return l.LoadInitialState(t.Context(), room)
}

func TestRequestNamesTheRoom(t *testing.T) {
	a := newApplication(t, 200, `{"stores": {"default": {"n": 1.0}, "notes": []}}`)
	got, err := load(t, a.URL+"/rooms?for=pathsync&room=x", "a&b=c/ü#")
	if err != nil || len(got) != 2 || string(got["default"]) != `{"n":1.0}` || string(got["notes"]) != `[]` {
		t.Errorf("%s, %v", got, err)
	}
	if want := []string{"GET /rooms?for=pathsync&room=a%26b%3Dc%2F%C3%BC%23 application/json"}; !slices.Equal(a.asked, want) {
		t.Errorf("it was asked %q", a.asked)
	}
}

func TestNoContentIsAnEmptyRoom(t *testing.T) {
	for _, a := range []*application{newApplication(t, 204, ""), newApplication(t, 200, `{"stores":{}}`)} {
		if got, err := load(t, a.URL, "r"); err != nil || len(got) != 0 {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func TestUnexpectedAnswersAreErrors(t *testing.T) {
	const good = `{"stores":{"default":{}}}`
	for what, answer := range map[string]struct {
		status int
		body   string
	}{
		"an error": {500, good}, "a redirection": {302, good}, "no such address": {404, good}, "a refusal": {403, good}, "created": {201, good},
		"nothing": {200, ""}, "a page": {200, "<html>"}, "null": {200, "null"}, "a list": {200, "[]"}, "half": {200, good[:10]},
		"no stores": {200, "{}"}, "stores misspelt": {200, `{"store":{"default":{}}}`}, "stores is null": {200, `{"stores":null}`},
		"a member beside it": {200, `{"stores":{},"ops":[]}`}, "a key twice": {200, `{"stores":{"a":1,"a":2}}`},
		"pollution": {200, `{"stores":{"__proto__":{}}}`}, "too deep": {200, `{"stores":{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}}`},
		"too much": {200, good + strings.Repeat(" ", 16<<20)},
	} {
		a := newApplication(t, answer.status, answer.body)
		if got, err := load(t, a.URL, "r"); err == nil {
			t.Errorf("%s: %v", what, slices.Collect(maps.Keys(got)))
		}
		if len(a.asked) != 1 {
			t.Errorf("%s: it was asked %q", what, a.asked)
		}
	}
}

func TestErrorDoesNotContainTheURL(t *testing.T) {
	a := newApplication(t, 200, "")
	a.Close()
	_, err := load(t, a.URL+"/?key=s3cret", "r")
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

func TestRequestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(a.Close)
	l, err := initialstate.New(initialstate.Config{URL: a.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.LoadInitialState(ctx, "r"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestUntrustedURLIsRefused(t *testing.T) {
	for _, url := range []string{"", "app.example.com", "http://app.example.com/", "ftp://localhost/", "http://localhost.example.com/"} {
		if l, err := initialstate.New(initialstate.Config{URL: url}); err == nil || l != nil {
			t.Errorf("%q is taken", url)
		}
	}
}

// The answer takes 20 s. The hub's limit applies to the time without progress.
func TestLargeStateOverSlowLinkIsLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := `{"stores":{"default":"` + strings.Repeat("x", 1<<20) + `"}}`
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(&slowBody{r.Context(), strings.NewReader(text)}), Request: r}, nil
		})
		l, err := initialstate.New(initialstate.Config{URL: "https://app.example.com/", Client: &http.Client{Transport: slow}})
		if err != nil {
			t.Fatal(err)
		}
		hub := core.NewHub(core.Config{
			Store: memstore.New(), InitialState: l,
			Listen: func(string, string, int64) core.Listener { return ignoringListener{} },
		})
		began := time.Now()
		_, release, err := hub.Room(t.Context(), "r")
		for ; err != nil && time.Since(began) < time.Minute; _, release, err = hub.Room(t.Context(), "r") {
			if !errors.Is(err, core.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); err != nil || took < 15*time.Second {
			t.Errorf("after %v: %v", took, err)
		} else {
			release()
		}
		if err := hub.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// slowBody is read at 50 KiB a second.
type slowBody struct {
	ctx  context.Context
	text io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.text.Read(p[:min(len(p), 50<<10)])
	select {
	case <-time.After(time.Second * time.Duration(n) / (50 << 10)):
		return n, err
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

// ignoringListener is a core.Listener that ignores its calls.
type ignoringListener struct{}

func (ignoringListener) Committed([]*core.Batch)         {}
func (ignoringListener) PresenceChanged(presence.Change) {}
func (ignoringListener) ListsDue()                       {}
func (ignoringListener) Replaced(string)                 {}
func (ignoringListener) Readers() int                    { return 0 }
func (ignoringListener) Bytes() int                      { return 0 }
func (ignoringListener) Closed(error)                    {}

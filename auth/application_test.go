package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
)

// application is an endpoint whose answer the test sets.
type application struct {
	*httptest.Server
	mu     sync.Mutex
	clock  time.Time
	status int
	body   string
	asked  []string // the headers Authorization
	hold   chan struct{}
	held   chan struct{} // closed when an answer waits
}

func newApplication(t *testing.T) *application {
	a := &application{clock: now, status: 200}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked = append(a.asked, r.Method+" "+r.Header.Get("Authorization"))
		status, body, hold := a.status, a.body, a.hold
		a.mu.Unlock()
		if hold != nil {
			close(a.held)
			<-hold
		}
		w.Header().Set("Location", "/")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(a.Close)
	a.says(200, ann1h)
	return a
}

var ann1h = fmt.Sprintf(`{"sub":"ann","exp":%d,"pathsync":{"rooms":[{"match":"board-*","read":true}]}}`, now.Add(time.Hour).Unix())

func (a *application) says(status int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.body = status, body
}

func (a *application) later(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock = a.clock.Add(d)
}

func (a *application) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func (a *application) authenticator(t *testing.T) *auth.Application {
	t.Helper()
	who, err := auth.NewApplication(auth.ApplicationConfig{URL: a.URL, Now: func() time.Time {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.clock
	}})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func isAnn(t *testing.T, who *auth.Application, token string) {
	t.Helper()
	identity, err := who.Authenticate(t.Context(), token)
	if err != nil || identity.User != "ann" || !identity.Allows(access.Read, "board-7") || identity.Allows(access.Write, "board-7") {
		t.Errorf("%+v, %v", identity, err)
	}
}

func isNobody(t *testing.T, who *auth.Application, token string, want error) {
	t.Helper()
	identity, err := who.Authenticate(t.Context(), token)
	if !errors.Is(err, want) || identity.User != "" || len(identity.Grants) > 0 {
		t.Errorf("%+v, %v, want %v", identity, err, want)
	}
}

func TestVerdictIsCachedForHalfAMinute(t *testing.T) {
	a := newApplication(t)
	who := a.authenticator(t)
	for range 3 {
		isAnn(t, who, "session-1")
	}
	isAnn(t, who, "session-2")
	a.later(30 * time.Second)
	isAnn(t, who, "session-1")
	if got := strings.Join(a.questions(), ", "); got != "GET Bearer session-1, GET Bearer session-2, GET Bearer session-1" {
		t.Error(got)
	}
}

func TestRevokedPermissionEndsWithinHalfAMinute(t *testing.T) {
	a := newApplication(t)
	who := a.authenticator(t)
	isAnn(t, who, "session")
	a.says(401, "")
	isAnn(t, who, "session")
	a.later(30 * time.Second)
	isNobody(t, who, "session", access.ErrUnauthenticated)
	isNobody(t, who, "session", access.ErrUnauthenticated) // and that is remembered too
	if n := len(a.questions()); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestVerdictIsNotCachedBeyondItsExpiry(t *testing.T) {
	a := newApplication(t)
	who := a.authenticator(t)
	a.says(200, strings.Replace(ann1h, fmt.Sprint(now.Add(time.Hour).Unix()), fmt.Sprint(now.Add(10*time.Second).Unix()), 1))
	isAnn(t, who, "session")
	a.later(10 * time.Second)
	isNobody(t, who, "session", access.ErrUnauthenticated)
}

// A failed request grants nothing, does not refuse the token, and is not cached.
func TestFailingApplicationGivesNoVerdict(t *testing.T) {
	for what, answer := range map[string]struct {
		status int
		body   string
	}{
		"an error": {500, ann1h}, "a redirection": {302, ann1h}, "nothing": {200, ""}, "a page": {200, "<html>"}, "no content": {204, ""},
		"no user": {200, strings.Replace(ann1h, `"ann"`, `""`, 1)}, "no end": {200, `{"sub":"ann"}`},
		"a claim misspelt": {200, strings.Replace(ann1h, "match", "metch", 1)}, "too much": {200, ann1h + strings.Repeat(" ", 1<<20)},
	} {
		a := newApplication(t)
		who := a.authenticator(t)
		a.says(answer.status, answer.body)
		isNobody(t, who, "session", access.ErrUnavailable)
		if _, err := who.Authenticate(t.Context(), "session"); errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("%s: the token is said to be bad: %v", what, err)
		}
		a.says(200, ann1h)
		isAnn(t, who, "session")
	}
	a := newApplication(t)
	who := a.authenticator(t)
	a.Close()
	isNobody(t, who, "session", access.ErrUnavailable)
}

func TestTokenThatBreaksTheHeaderIsNotSent(t *testing.T) {
	a := newApplication(t)
	who := a.authenticator(t)
	for _, token := range []string{"", "a\r\nX: y", "a b", "é", "\x00", strings.Repeat("x", 20<<10)} {
		isNobody(t, who, token, access.ErrUnauthenticated)
	}
	if n := len(a.questions()); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestConcurrentRequestsWithOneTokenShareOneRequest(t *testing.T) {
	a := newApplication(t)
	a.hold, a.held = make(chan struct{}), make(chan struct{})
	who := a.authenticator(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { isAnn(t, who, "session") })
	}
	<-a.held
	close(a.hold)
	wg.Wait()
	if n := len(a.questions()); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestCachedVerdictsAreLimited(t *testing.T) {
	a := newApplication(t)
	who := a.authenticator(t)
	a.says(401, "")
	for n := range 10_100 {
		if _, err := who.Authenticate(t.Context(), fmt.Sprint(n)); !errors.Is(err, access.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	if n := auth.Verdicts(who); n > 10_000 {
		t.Errorf("%d are remembered", n)
	}
}

func TestUntrustedApplicationURLIsRefused(t *testing.T) {
	for _, url := range []string{"", "app.example.com", "http://app.example.com/", "ftp://localhost/", "http://localhost.example.com/"} {
		if who, err := auth.NewApplication(auth.ApplicationConfig{URL: url}); err == nil || who != nil {
			t.Errorf("%q is taken", url)
		}
	}
}

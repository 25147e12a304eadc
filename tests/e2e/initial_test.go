package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// application is an application that provides the initial state of rooms. A test sets its response.
type application struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // names of rooms
	answer http.HandlerFunc
}

func startApplication(t *testing.T, answer http.HandlerFunc) *application {
	a := &application{answer: answer}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked = append(a.asked, r.URL.Query().Get("room"))
		answer := a.answer
		a.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *application) answers(answer http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
}

func (a *application) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func saying(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

// unreachable closes the connection without a response.
func unreachable(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

const twoStores = `{"stores":{"notes":[],"default":{"title":"from the application"}}}`

// beginning returns the documents with which a new stream of a room starts, or the error.
func (a api) beginning(ctx context.Context, room string) string {
	stream, err := a.open(ctx, room, "", "")
	if err != nil {
		return err.Error()
	}
	defer stream.close()
	var all strings.Builder
	for {
		e, err := stream.next()
		switch {
		case err != nil:
			return err.Error()
		case e.name == "up-to-date":
			return all.String()
		case e.name == "state":
			fmt.Fprintf(&all, "%s\n", e.data)
		}
	}
}

const began = `{"room":"board","key":"default","serverSeq":1,"state":{"title":"from the application"}}
{"room":"board","key":"notes","serverSeq":2,"state":[]}
`

func TestTheFirstStreamStartsWithTheInitialStateOfTheApplication(t *testing.T) {
	t.Parallel()
	a := startApplication(t, saying(twoStores))
	s := startServer(t, "--initial-state-url", a.URL+"/rooms")
	var readers sync.WaitGroup
	for range 10 {
		readers.Go(func() {
			if got := s.beginning(t.Context(), "board"); got != began {
				t.Errorf("a stream starts with\n%s", got)
			}
		})
	}
	readers.Wait()
	s.kill()
	a.answers(unreachable)
	s.start() // the application is not needed any more
	if got := s.beginning(t.Context(), "board"); got != began {
		t.Errorf("after a crash a stream starts with\n%s", got)
	}
	if asked := a.questions(); len(asked) != 1 || asked[0] != "board" {
		t.Errorf("it was asked about %q", asked)
	}
}

// A room without its initial state must not look empty: its first reader would initialize it with other content.
func TestANewRoomIsUnavailableWhileTheApplicationFails(t *testing.T) {
	t.Parallel()
	a := startApplication(t, unreachable)
	s := startServer(t, "--initial-state-url", a.URL+"/?key=s3cret")
	for what, answer := range map[string]http.HandlerFunc{
		"unreachable": unreachable, "rubbish": saying("<html>"), "huge": saying(twoStores + strings.Repeat(" ", 17<<20)),
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"slow":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		a.answers(answer)
		room := "/v1/rooms/" + strings.ReplaceAll(what, " ", "-")
		r := s.ask(http.MethodGet, room+"/events", nil, "")
		r.refused(t, http.StatusServiceUnavailable, "initial_state_unavailable")
		if r.header.Get("Retry-After") == "" {
			t.Errorf("%s: the 503 has no Retry-After", what)
		}
		seed := `{"clientId":"c","key":"default","ops":[{"op":"init","path":"","value":{}}]}`
		s.ask(http.MethodPost, room+"/ops", http.Header{"Content-Type": {"application/json"}}, seed).
			refused(t, http.StatusServiceUnavailable, "initial_state_unavailable")
		a.answers(saying(twoStores))
		for end := time.Now().Add(patience); !strings.Contains(string(s.ask(http.MethodGet, room, nil, "").body), "from the application"); {
			if time.Now().After(end) {
				t.Fatalf("%s: the room is still unavailable after the application recovered", what)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	s.stop()
	if said := s.process.Stderr.String(); strings.Contains(said, "s3cret") || !strings.Contains(said, "cannot be opened") {
		t.Errorf("the log has\n%s", said)
	}
}

func TestTheApplicationIsNotAskedForRequestsWithoutPermission(t *testing.T) {
	t.Parallel()
	a := startApplication(t, saying(twoStores))
	s := startServer(t, "--auth", "jwt", "--jwt-secret", jwtSecret, "--initial-state-url", a.URL)
	s.ask(http.MethodGet, "/v1/rooms/board", nil, "").refused(t, http.StatusUnauthorized, "unauthenticated")
	ann := http.Header{"Authorization": {"Bearer " + tokenOf(t, "ann", time.Hour, map[string]any{"read": true})}}
	s.ask(http.MethodGet, "/v1/rooms/wall", ann, "").refused(t, http.StatusForbidden, "forbidden")
	if asked := a.questions(); len(asked) != 0 {
		t.Errorf("it was asked about %q", asked)
	}
	r := s.ask(http.MethodGet, "/v1/rooms/board/changes", ann, "")
	if !strings.Contains(string(r.body), `"clientId":"initial-state"`) || strings.Contains(string(r.body), "userId") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

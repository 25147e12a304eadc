package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync"
)

// session is one run of the program: its output, its exit code, and the waits that it asked for.
type session struct {
	code           int
	stdout, stderr string
	waits          []time.Duration
}

// call runs the program with a clock that does not wait.
func call(ctx context.Context, stdin string, args ...string) session {
	var (
		s        session
		out, err bytes.Buffer
	)
	p := &program{
		stdin: strings.NewReader(stdin), stdout: newConsole(&out), stderr: newConsole(&err),
		wait: func(ctx context.Context, d time.Duration) error {
			s.waits = append(s.waits, d)
			return ctx.Err()
		},
	}
	s.code = p.run(ctx, args)
	s.stdout, s.stderr = out.String(), err.String()
	return s
}

// script is a server that answers each request with the next handler, and further ones with the last. It records the
// requests.
type script struct {
	url string

	mu       sync.Mutex
	requests []request
}

type request struct {
	uri      string
	position string // Last-Event-ID
	body     string
}

func scripted(t *testing.T, answers ...http.HandlerFunc) *script {
	s := &script{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		answer := answers[min(len(s.requests), len(answers)-1)]
		s.requests = append(s.requests, request{r.RequestURI, r.Header.Get("Last-Event-ID"), string(body)})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *script) asked() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// last returns the last request.
func (s *script) last() request {
	asked := s.asked()
	if len(asked) == 0 {
		return request{}
	}
	return asked[len(asked)-1]
}

// text answers 200 with JSON.
func text(body string) http.HandlerFunc { return answer("application/json", body) }

// answer answers 200 with a body of a media type.
func answer(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, body)
	}
}

// refusal answers with a problem.
func refusal(status int, code string, retryable bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"urn:pathsync:problem:%[1]s","title":"No","status":%[2]d,"detail":"because %[1]s",`+
			`"code":%[1]q,"retryable":%[3]t}`, code, status, retryable)
	}
}

func TestHelpAndVersionSucceed(t *testing.T) {
	tests := []struct {
		args  []string
		shows string
	}{
		{[]string{"--help"}, "pathsync tail --pretty board-7"},
		{[]string{"serve", "--help"}, "$PATHSYNC_LISTEN"},
		{[]string{"tail", "--help"}, "--after=EVENTID"},
		{[]string{"get", "--help"}, "pathsync get board-7"},
		{[]string{"set", "--help"}, "it may have been applied"},
		{[]string{"--version"}, "pathsync " + pathsync.Version},
	}
	for _, test := range tests {
		s := call(t.Context(), "", test.args...)
		if s.code != exitOK || !strings.Contains(s.stdout, test.shows) || s.stderr != "" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", test.args, s.code, s.stdout, s.stderr)
		}
	}
}

func TestInvalidCommandLineIsAUsageError(t *testing.T) {
	tests := map[string][]string{
		"tial":            {"tial"},
		"<room>":          {"tail"},
		"--nonsense":      {"get", "board-7", "--nonsense"},
		"--server must":   {"get", "board-7", "--server", "board:7"},
		"--token must":    {"get", "board-7", "--token", "a\nb"},
		"--limit must":    {"rooms", "--limit=-1"},
		"--batch-ops":     {"apply", "board-7", "default", "--batch-ops", "0"},
		"--batch-bytes":   {"import", "--batch-bytes", "1"},
		"not JSON":        {"set", "board-7", "default", "title", "Launch"},
		"--max-ops must":  {"--max-ops", "0"},
		"--listen must":   {"serve", "--listen", "8080"},
		"--database must": {"--database", ""},
	}
	for says, args := range tests {
		s := call(t.Context(), "", args...)
		if s.code != exitUsage || !strings.Contains(s.stderr, says) || !strings.Contains(s.stderr, "--help") {
			t.Errorf("%v: exit %d, stderr %q, want %q in it", args, s.code, s.stderr, says)
		}
	}
}

package httpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// client sends requests and expects responses.
type client struct {
	t        *testing.T
	base     string
	http     *http.Client
	patience time.Duration // for an answer, or for a whole stream
}

// answer is a response with its body.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
}

// request makes a request. Headers are pairs of name and value. The default Content-Type of a body is JSON.
func (c client) request(ctx context.Context, method, path string, body io.Reader, headers []string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.Host = cmp.Or(r.Header.Get("Host"), r.Host) // net/http takes it from here alone
	return r
}

func (c client) send(method, path string, body io.Reader, headers ...string) answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), c.patience)
	defer cancel()
	resp, err := c.http.Do(c.request(ctx, method, path, body, headers))
	if err != nil {
		c.t.Fatal(err)
	}
	return read(c.t, fmt.Sprintf("%s %.100s", method, path), resp)
}

func read(t *testing.T, what string, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: reading the answer: %v", what, err)
	}
	return answer{t, what, resp.StatusCode, resp.Header, string(body)}
}

func (c client) get(path string, headers ...string) answer {
	c.t.Helper()
	return c.send(http.MethodGet, path, nil, headers...)
}

func (c client) post(path, body string, headers ...string) answer {
	c.t.Helper()
	return c.send(http.MethodPost, path, strings.NewReader(body), headers...)
}

func (c client) put(path, body string) answer {
	c.t.Helper()
	return c.send(http.MethodPut, path, strings.NewReader(body))
}

func (c client) delete(path string) answer {
	c.t.Helper()
	return c.send(http.MethodDelete, path, nil)
}

// ops posts operations to the key `default` of a room, as `ada` and without clientSeq.
func (c client) ops(room, ops string) answer {
	c.t.Helper()
	return c.post("/v1/rooms/"+room+"/ops", `{"clientId":"ada","key":"default","ops":[`+ops+`]}`)
}

// set posts one operation and expects it to be accepted.
func (c client) set(room, path, value string) {
	c.t.Helper()
	c.ops(room, `{"op":"set","path":`+strconv.Quote(path)+`,"value":`+value+`}`).is(http.StatusOK)
}

// state returns the body of GET of a room.
func (c client) state(room string) string {
	c.t.Helper()
	return c.get("/v1/rooms/" + room).is(http.StatusOK).body
}

// is expects a status, and the headers of every response.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d\n%.500s", a.what, a.status, status, a.body)
	}
	if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
		a.t.Errorf("%s: X-Content-Type-Options is %q", a.what, got)
	}
	if a.header.Get("X-Request-Id") == "" {
		a.t.Errorf("%s: the answer has no X-Request-Id", a.what)
	}
	return a
}

// says expects a body.
func (a answer) says(body string) answer {
	a.t.Helper()
	if a.body != body {
		a.t.Errorf("%s:\n got %.1000s\nwant %.1000s", a.what, a.body, body)
	}
	return a
}

// has expects a header.
func (a answer) has(name, value string) answer {
	a.t.Helper()
	if got := a.header.Get(name); got != value {
		a.t.Errorf("%s: %s is %q, want %q", a.what, name, got, value)
	}
	return a
}

// problem expects a valid problem with a code. It must have Retry-After if and only if it is retryable.
func (a answer) problem(status int, code problem.Code) problem.Problem {
	a.t.Helper()
	return a.has("Cache-Control", "no-store").briefProblem(status, code)
}

// briefProblem is problem for one that caches may keep for a few seconds.
func (a answer) briefProblem(status int, code problem.Code) problem.Problem {
	a.t.Helper()
	a.is(status).has("Content-Type", "application/problem+json")
	p := parseProblem(a.t, a.body)
	if p.Code != code || p.Status != status {
		a.t.Fatalf("%s: got %s %d, want %s %d\n%s", a.what, p.Code, p.Status, code, status, a.body)
	}
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); p.Retryable != (err == nil && after > 0) {
		a.t.Errorf("%s: retryable is %v and Retry-After is %q", a.what, p.Retryable, a.header.Get("Retry-After"))
	}
	return p
}

// parseProblem parses a problem with all required and no unknown members.
func parseProblem(t *testing.T, text string) (p problem.Problem) {
	t.Helper()
	d := json.NewDecoder(bytes.NewBufferString(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("not a problem: %v\n%.500s", err, text)
	}
	if p.Type != "urn:pathsync:problem:"+string(p.Code) || p.Title == "" {
		t.Errorf("type %q and title %q do not fit the code %s", p.Type, p.Title, p.Code)
	}
	for _, e := range p.Errors {
		if e.Detail == "" {
			t.Errorf("the fault at %q has no detail", e.Pointer)
		}
	}
	return p
}

// faults expects the pointers of the faults in a problem.
func faults(t *testing.T, p problem.Problem, pointers ...string) {
	t.Helper()
	got := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		got[i] = e.Pointer
	}
	if strings.Join(got, " ") != strings.Join(pointers, " ") {
		t.Errorf("faults at %q, want %q: %v", got, pointers, p.Errors)
	}
}

// on returns the client for a subtest.
func (c client) on(t *testing.T) client {
	c.t = t
	return c
}

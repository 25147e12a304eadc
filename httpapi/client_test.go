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

// client sends requests that are meant to be answered.
type client struct {
	t        *testing.T
	base     string
	http     *http.Client
	patience time.Duration // for an answer, or for a whole stream
}

// answer is an answer whose body has been read.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
}

// request makes a request. Headers are pairs of name and value; a body is JSON unless they say otherwise.
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

// ops posts operations to the key `default` of a room, as `ada` and without a number.
func (c client) ops(room, ops string) answer {
	c.t.Helper()
	return c.post("/v1/rooms/"+room+"/ops", `{"clientId":"ada","key":"default","ops":[`+ops+`]}`)
}

// set posts one operation that is expected to be accepted.
func (c client) set(room, path, value string) {
	c.t.Helper()
	c.ops(room, `{"op":"set","path":`+strconv.Quote(path)+`,"value":`+value+`}`).is(http.StatusOK)
}

// state is the room as GET shows it.
func (c client) state(room string) string {
	c.t.Helper()
	return c.get("/v1/rooms/" + room).is(http.StatusOK).body
}

// is expects a status, and what every answer has.
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

// says expects a body, byte for byte.
func (a answer) says(body string) answer {
	a.t.Helper()
	if a.body != body {
		a.t.Errorf("%s:\n got %.1000s\nwant %.1000s", a.what, a.body, body)
	}
	return a
}

// has expects a header field.
func (a answer) has(name, value string) answer {
	a.t.Helper()
	if got := a.header.Get(name); got != value {
		a.t.Errorf("%s: %s is %q, want %q", a.what, name, got, value)
	}
	return a
}

// problem expects a well-formed problem with a code, and Retry-After exactly where a retry makes sense.
func (a answer) problem(status int, code problem.Code) problem.Problem {
	a.t.Helper()
	return a.has("Cache-Control", "no-store").briefProblem(status, code)
}

// briefProblem is problem for one that caches may keep for a moment.
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

// parseProblem reads a problem, which must have all that it has to have and nothing that is not known.
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

// faults expects the places of the faults that a problem tells of.
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

// on is the client for a subtest.
func (c client) on(t *testing.T) client {
	c.t = t
	return c
}

package contract

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// client sends requests through the checker.
type client struct {
	t    *testing.T
	base string
	http *http.Client
}

// answer is a response with its body.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// on returns the client for a subtest.
func (c client) on(t *testing.T) client {
	c.t = t
	return c
}

// send sends a request and expects a status. Headers are pairs of name and value.
func (c client) send(status int, method, path, body string, headers ...string) answer {
	c.t.Helper()
	return c.sendAny(method, path, body, headers...).is(status)
}

// sendAny sends a request.
func (c client) sendAny(method, path, body string, headers ...string) answer {
	c.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	return c.sendFrom(method, path, reader, headers...)
}

func (c client) sendFrom(method, path string, body io.Reader, headers ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{c.t, method + " " + path, resp.StatusCode, resp.Header, text}
}

// is expects a status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%.200s: got %d, want %d\n%.500s", a.what, a.status, status, a.body)
	}
	return a
}

func (c client) get(status int, path string, headers ...string) answer {
	c.t.Helper()
	return c.send(status, http.MethodGet, path, "", headers...)
}

func (c client) post(status int, path, body string, headers ...string) answer {
	c.t.Helper()
	return c.send(status, http.MethodPost, path, body, headers...)
}

func (c client) put(status int, path, body string, headers ...string) answer {
	c.t.Helper()
	return c.send(status, http.MethodPut, path, body, headers...)
}

// member returns a top-level member of the answer as JSON text.
func (a answer) member(name string) string {
	a.t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(a.body, &members); err != nil {
		a.t.Fatalf("%v: %.500s", err, a.body)
	}
	return string(members[name])
}

// has expects a top-level member.
func (a answer) has(name, want string) answer {
	a.t.Helper()
	if got := a.member(name); got != want {
		a.t.Errorf("%s is %s, want %s\n%.500s", name, got, want, a.body)
	}
	return a
}

// isProblem expects a problem with a code.
func (a answer) isProblem(code string) answer {
	a.t.Helper()
	return a.has("code", `"`+code+`"`)
}

package httpapi_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// The tests of this file send requests in the forms of various HTTP and JSON libraries.

const oneOp = `{"clientId":"ada","key":"k","ops":[{"op":"set","path":"x","value":1}]}`

func TestContentTypeIsParsedAsInRFC9110(t *testing.T) {
	s := start(t)
	for contentType, taken := range map[string]bool{
		"application/json":                                true,
		"Application/JSON":                                true,
		"application/json; charset=utf-8":                 true,
		"application/json;charset=Utf-8":                  true,
		"application/json; CHARSET=UTF-8":                 true,
		`application/json; charset="utf-8"`:               true,
		`application/json ; charset="UtF-8" `:             true,
		"application/json; charset=utf8":                  true,
		"application/json;":                               true,
		"application/json; version=1":                     true,
		"application/json; charset=":                      false,
		"application/json; charset=iso-8859-1":            false,
		"application/json; charset=utf-16":                false,
		"application/json; charset=utf-8; charset=utf-16": false,
		"application/merge-patch+json":                    false,
		"text/json":                                       false,
		"text/plain":                                      false,
		"application/jsonp":                               false,
		"application":                                     false,
		"":                                                false,
	} {
		a := s.post("/v1/rooms/r/ops", oneOp, "Content-Type", contentType)
		if taken {
			a.is(200)
		} else {
			a.problem(415, problem.UnsupportedMediaType)
		}
		if put := s.send(http.MethodPut, "/v1/rooms/r/presence/ada", strings.NewReader("{}"), "Content-Type", contentType); put.status != a.status {
			t.Errorf("%q: presence is answered %d, and ops %d", contentType, put.status, a.status)
		}
	}
	for coding, status := range map[string]int{"identity": 200, "Identity": 200, "": 200, "gzip": 415, "identity, gzip": 415, "br": 415} {
		s.post("/v1/rooms/r/ops", oneOp, "Content-Encoding", coding).is(status)
	}
}

func TestIntegerWithZeroFractionOrExponentIsAccepted(t *testing.T) {
	s := start(t)
	numbered := func(seq string) answer {
		return s.post("/v1/rooms/r/ops", `{"clientId":"ada","clientSeq":`+seq+`,"key":"k","ops":[{"op":"set","path":"x","value":1}]}`)
	}
	if a := numbered("-0.0").is(200); !strings.Contains(a.body, `"duplicate":false`) {
		t.Errorf("clientSeq -0.0: %s", a.body)
	}
	for i, seq := range []string{"1", "2.0", "3e0", "40e-1", "1e3", "9007199254740991.000", "9.007199254740991e15"} {
		if a := numbered(seq).is(200); strings.Contains(a.body, `"duplicate":true`) != (i == 6) {
			t.Errorf("clientSeq %s: %s", seq, a.body)
		}
	}
	for _, seq := range []string{"1.5", "1e-1", "9007199254740992.0", "1e30", "-1.0", "-1e30", `"1"`} {
		faults(t, numbered(seq).problem(422, problem.InvalidRequest), "/clientSeq")
	}
}

func TestIndexBeyondTheArrayIsClamped(t *testing.T) {
	for index, want := range map[string]string{
		"0.0": "0", "1.0": "1", "1e0": "1", "2": "2", "1e30": "2", "9223372036854775808": "2", "123456789012345678901234567890.00": "2",
		"1e308": "2", "2147483648": "2", "-1": "0", "-1e30": "0", "-9223372036854775809": "0", "-0": "0",
	} {
		inBubble(t, func(t *testing.T, s *server) {
			s.set("r", "l", `[{"_sync_id":"a"},{"_sync_id":"b"}]`)
			add := s.ops("r", `{"op":"array_add","path":"l","value":{"_sync_id":"c"},"arrayIndex":`+index+`}`).is(200)
			move := s.ops("r", `{"op":"array_move","path":"l[c]","arrayIndex":`+index+`}`).is(200)
			for _, a := range []answer{add, move} {
				if !strings.Contains(a.body, `"results":[{"status":"applied","arrayIndex":`+want+`}]`) {
					t.Errorf("index %s: %s", index, a.body)
				}
			}
		})
	}
	s := start(t)
	for _, index := range []string{"0.5", "1e-1", "null", `"0"`} {
		p := s.ops("r", `{"op":"array_add","path":"l","value":{"_sync_id":"c"},"arrayIndex":`+index+`}`).problem(422, problem.InvalidRequest)
		faults(t, p, "/ops/0/arrayIndex")
	}
}

func TestExtraHeadersOfLibrariesAreAccepted(t *testing.T) {
	s := start(t)
	s.set("r", "x", "1")
	s.post("/v1/rooms/r/ops", oneOp, "Expect", "100-continue").is(200)
	s.post("/v1/rooms/r/presence/ada/leave", "").is(204)
	s.send(http.MethodPost, "/v1/rooms/r/presence/ada/leave", nil).is(204)
	s.send(http.MethodDelete, "/v1/rooms/r/presence/ada", nil, "Content-Length", "0").is(204)
	for _, accept := range []string{"*/*", "text/event-stream;q=0.9", "application/json", "text/html", ""} {
		s.get("/v1/rooms/r", "Accept", accept).is(200)
		s.open("/v1/rooms/r/events", "Accept", accept).live()
	}
	for _, name := range []string{"caf%C3%A9", "caf%c3%a9", "%63af%C3%A9"} { // one name, however it is encoded
		s.set(name, "seen", "true")
		if state := s.state("caf%C3%A9"); !strings.Contains(state, `"seen":true`) {
			t.Errorf("%s: %s", name, state)
		}
	}
	r := s.open("/v1/rooms/r/events", "Last-Event-ID", "  history1-1  ").live()
	s.set("r", "x", "2")
	if e := r.next(); e.name != "delta" {
		t.Errorf("a position between spaces: %v", e)
	}
}

// A browser that navigates to any response must not run it, frame it, or sniff its type. The playground shows two windows of itself
// in frames, so pages of the same origin may frame it.
func TestEveryResponseHasSecurityHeaders(t *testing.T) {
	s := start(t)
	s.set("r", "x", "1")
	asset := "/assets/" + assetOf(s.get("/").body)
	for _, path := range []string{
		"/", "/docs", "/docs/", "/docs/page.css", "/docs/page.js", "/docs/x", "/docs/../x", "/docs/a/b", asset, "/assets/x",
		"/guide", "/guide/run/proxies", "/guide/search?q=x", "/guide/style.css", "/guide/icon.svg", "/guide/x",
		"/openapi.yaml", "/metrics", "/healthz", "/readyz", "/v1/rooms/r", "/v1/rooms/r/stores/default", "/v1/rooms/r/stores/none",
		"/v1/rooms/r/changes", "/v1/rooms/r/presence", "/v1/probe?seconds=0", "/v1", "/nowhere", "/favicon.ico", "//", "/%2e%2e/x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
			a := s.send(method, path, nil)
			policy := a.header.Get("Content-Security-Policy")
			ancestors := "frame-ancestors 'none'"
			if path == "/" && a.status == http.StatusOK {
				ancestors = "frame-ancestors 'self'"
			}
			for _, part := range []string{"default-src 'none'", ancestors} {
				if !strings.Contains(policy, part) {
					t.Errorf("%s %s: the policy is %q", method, path, policy)
				}
			}
			if got := a.header.Get("Referrer-Policy"); got != "same-origin" {
				t.Errorf("%s %s: Referrer-Policy is %q", method, path, got)
			}
			if a.is(a.status); a.status >= 400 && a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s: %d comes as %s", method, path, a.status, a.header.Get("Content-Type"))
			}
		}
	}
	stream := s.open("/v1/rooms/r/events").live()
	if policy := stream.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the policy of a stream is %q", policy)
	}
}

// assetOf returns the name of a file of the page.
func assetOf(page string) string {
	_, rest, _ := strings.Cut(page, "/assets/")
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

func TestDocsPageRunsOnlyItsOwnScripts(t *testing.T) {
	s := start(t)
	a := s.get("/docs").is(200).has("Content-Type", "text/html; charset=UTF-8")
	policy := a.header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "sha256") {
		t.Errorf("the policy is %s", policy)
	}
	if inline := regexp.MustCompile(`<style|<script[^>]*>[^<]|style=|\son\w+=`).FindString(a.body); inline != "" {
		t.Errorf("the page has %q in it, which its policy forbids", inline)
	}
	loaded := 0
	for _, part := range strings.Split(a.body, `"/docs/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if file := s.get("/docs/" + name).is(200); file.body == "" || strings.HasPrefix(file.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s is %s, of %d bytes", name, file.header.Get("Content-Type"), len(file.body))
		}
		loaded++
	}
	if loaded != 2 {
		t.Errorf("the page loads %d files", loaded)
	}
	for _, path := range []string{"/docs/x", "/docs/index.html", "/docs/page.css.gz", "/docs/page.css/x", "/docs//page.css"} {
		s.get(path).problem(404, problem.RouteNotFound)
	}
}

func TestExpectContinueIsAnswered(t *testing.T) {
	s := start(t)
	conn := s.raw(t, "POST /v1/rooms/r/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: "+
		strconv.Itoa(len(oneOp))+"\r\nConnection: close\r\n\r\n")
	first := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, first); err != nil || !strings.Contains(string(first), "100 Continue") {
		t.Fatalf("%q, %v", first, err)
	}
	io.WriteString(conn, oneOp)
	if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200 OK") {
		t.Errorf("%.200q, %v", text, err)
	}
}

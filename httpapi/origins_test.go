package httpapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/httpapi/problem"
)

const app = "https://app.example.com"

// allowing allows origins.
func allowing(t *testing.T, list ...string) setting {
	t.Helper()
	origins, err := origin.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return func(p *parts) { p.api.Origins = origins }
}

// foreignOrigins are origins that resemble app, or are malformed.
var foreignOrigins = []string{
	"null", "https://app.example.com.evil.test", "https://evil.test/https://app.example.com", "https://evilapp.example.com",
	"https://sub.app.example.com", "https://example.com", "https://app.example.com:8443", "https://app.example.com:443",
	"http://app.example.com", "https://APP.example.com", "https://app.example.com/", "https://app.example.com evil.test",
	"https://app.example.co", "https://", "*", "app.example.com", "https://user@app.example.com", "file://",
}

func TestOriginsMustHaveTheFormOfBrowsers(t *testing.T) {
	for _, good := range []string{app, "http://localhost:3000", "https://app.example.com:8443", "http://[::1]:3000", "http://10.0.0.7", "https://xn--bcher-kva.example"} {
		if _, err := origin.Parse([]string{good}); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		"", "null", "app.example.com", "//app.example.com", "https://", "https://:8443", "ftp://app.example.com", app + "/", app + "/path", app + "?q",
		app + "#", "https://user@app.example.com", "https://App.example.com", "HTTPS://app.example.com", "https://bücher.example",
		app + ":443", "http://app.example.com:80", app + ":", app + ":port", "https://*.example.com", app + " ", app + "\n", "file:///etc",
	} {
		if _, err := origin.Parse([]string{bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if _, err := origin.Parse([]string{"*", app}); err == nil {
		t.Error("every origin is allowed beside one that may send cookies")
	}
}

func TestPageOfAnAllowedOriginReadsEveryResponse(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.set("r", "x", "1")
		etag := s.get("/v1/rooms/r").is(200).header.Get("ETag")
		large := `{"clientId":"` + strings.Repeat("x", 2<<20) + `"}`
		answers := map[int]answer{
			200: s.get("/v1/rooms/r", "Origin", app),
			304: s.get("/v1/rooms/r", "Origin", app, "If-None-Match", etag),
			400: s.post("/v1/rooms/r/ops", "{", "Origin", app),
			404: s.get("/v1/nowhere", "Origin", app),
			405: s.send(http.MethodPatch, "/v1/rooms/r", nil, "Origin", app),
			413: s.post("/v1/rooms/r/ops", large, "Origin", app),
			415: s.post("/v1/rooms/r/ops", "{}", "Origin", app, "Content-Type", "text/plain"),
			422: s.get("/v1/rooms/%0A", "Origin", app),
		}
		s.store.fail(errors.New("the database is away"))
		answers[503] = s.get("/v1/rooms/other", "Origin", app)
		for status, a := range answers {
			a.is(status).has("Access-Control-Allow-Origin", app).has("Access-Control-Allow-Credentials", "true").
				has("Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id").has("Vary", "Origin")
		}
	}, allowing(t, app, "http://localhost:3000"))
}

// On HTTP/1.1 a stream is a hijacked connection, so its headers are complete when it is opened.
func TestPageOfAnAllowedOriginReadsAStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		h := s.open("/v1/rooms/r/events", "Origin", app).live().header
		if h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
			t.Errorf("%v", h)
		}
	}, allowing(t, app))
}

func TestOtherOriginsCannotRead(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, origin := range append(foreignOrigins, "") {
			for _, a := range []answer{
				s.get("/v1/rooms/r", "Origin", origin),
				s.get("/v1/nowhere", "Origin", origin),
				s.send(http.MethodOptions, "/v1/rooms/r/ops", nil, "Origin", origin, "Access-Control-Request-Method", "POST"),
			} {
				a.has("Access-Control-Allow-Origin", "").has("Access-Control-Allow-Credentials", "").
					has("Access-Control-Allow-Methods", "").has("Vary", "Origin")
			}
		}
		s.get("/healthz", "Origin", app).is(200).has("Access-Control-Allow-Origin", "").has("Vary", "")
	}, allowing(t, app))
}

func TestWithoutAllowedOriginsThereAreNoCORSHeaders(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.get("/v1/rooms/r", "Origin", app).is(200).has("Access-Control-Allow-Origin", "").has("Vary", "")
		s.send(http.MethodOptions, "/v1/rooms/r/ops", nil, "Origin", app, "Access-Control-Request-Method", "POST").is(204).
			has("Access-Control-Allow-Origin", "").has("Access-Control-Allow-Methods", "")
	})
}

func TestPreflightIsAnswered(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for path, method := range map[string]string{
			"/v1/rooms/r/ops": "POST", "/v1/rooms/r/presence/ada": "PUT", "/v1/rooms/r/presence/bob": "DELETE",
			"/v1/rooms/r/events": "GET", "/v1/rooms/r/changes": "GET", "/v1/nowhere": "GET",
		} {
			s.send(http.MethodOptions, path, nil, "Origin", app, "Access-Control-Request-Method", method,
				"Access-Control-Request-Headers", "authorization,content-type,x-anything").is(204).
				has("Access-Control-Allow-Origin", app).has("Access-Control-Allow-Credentials", "true").
				has("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE").
				has("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id").
				has("Access-Control-Max-Age", "7200").has("Vary", "Origin")
		}
		// Requests that are not preflights are handled as usual.
		s.send(http.MethodOptions, "/v1/rooms/r/ops", nil, "Origin", app).is(204).has("Allow", "OPTIONS, POST").
			has("Access-Control-Allow-Methods", "")
	}, allowing(t, app))
}

func TestAnyOriginMayReadWithoutCookies(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, origin := range foreignOrigins {
			s.get("/v1/rooms/r", "Origin", origin).is(200).has("Access-Control-Allow-Origin", "*").
				has("Access-Control-Allow-Credentials", "")
			s.send(http.MethodPut, "/v1/rooms/r/presence/ada", strings.NewReader(`{}`), "Origin", origin).is(200).
				has("Access-Control-Allow-Origin", "*").has("Access-Control-Allow-Credentials", "")
			s.send(http.MethodPut, "/v1/rooms/r/presence/ada", strings.NewReader(`{}`), "Origin", origin, "Cookie", "session=1").
				problem(403, problem.CrossOrigin)
		}
	}, allowing(t, "*"))
}

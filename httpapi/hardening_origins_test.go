package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/token"
)

// forgeries are requests that a page of another origin can send without a preflight: by a form, a beacon, and
// `fetch` in the mode no-cors.
var forgeries = map[string][]string{
	"a form":     {"Content-Type", "application/x-www-form-urlencoded"},
	"an upload":  {"Content-Type", "multipart/form-data; boundary=x"},
	"text/plain": {"Content-Type", "text/plain"},
	"a beacon":   {"Content-Type", "text/plain;charset=UTF-8"},
	"no type":    {"Content-Type", ""},
	"two types":  {"Content-Type", "text/plain;application/json"},
}

// forged sends every forgery with more headers, as a batch and as a leave of another client.
func (s *server) forged(t *testing.T, headers ...string) {
	t.Helper()
	const batch = `{"clientId":"ada","key":"default","ops":[{"op":"set","path":"treasure","value":0}]}`
	for name, kind := range forgeries {
		for path, body := range map[string]string{"/ops": batch, "/presence/victim/leave": ""} {
			if a := s.post("/v1/rooms/target"+path, body, slices.Concat(kind, headers)...); a.status != http.StatusForbidden {
				t.Errorf("%s is answered %d", name, a.status)
			} else {
				a.problem(403, problem.CrossOrigin)
			}
		}
	}
}

// victimIsPresent expects that the victim is still present.
func (s *server) victimIsPresent(t *testing.T) {
	t.Helper()
	if users := s.get("/v1/rooms/target/presence").body; !strings.Contains(users, "victim") {
		t.Errorf("the victim has been made to leave: %s", users)
	}
}

func TestFormOfAnotherOriginCannotWrite(t *testing.T) {
	for name, headers := range map[string][]string{
		"with Sec-Fetch-Site":               {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"},
		"from a sibling domain":             {"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"},
		"without an origin":                 {"Sec-Fetch-Site", "cross-site"},
		"without Sec-Fetch-Site":            {"Origin", "https://evil.test"},
		"from a frame without origin":       {"Origin", "null"},
		"from a frame, with Sec-Fetch-Site": {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		"over another port":                 {"Origin", "http://pathsync.test:8081"},
		"by a name like the server's":       {"Origin", "http://pathsync.test.evil.test"},
		"by an origin that is no URL":       {"Origin", "http://pathsync.test:port"},
		"with a cookie":                     {"Origin", "https://evil.test", "Cookie", "session=1"},
		"to a proxy with its own host":      {"Origin", "https://evil.test", "X-Forwarded-Host", "board.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				s.put("/v1/rooms/target/presence/victim", `{}`).is(200)
				s.harmless(t, func() {
					s.forged(t, headers...)
					s.victimIsPresent(t)
				})
			}, allowing(t, app))
		})
	}
}

func TestOtherOriginsCannotWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.put("/v1/rooms/target/presence/victim", `{}`).is(200)
		s.harmless(t, func() {
			for _, origin := range foreignOrigins {
				for _, site := range []string{"cross-site", "same-site"} {
					for _, request := range [][2]string{
						{http.MethodPost, "/ops"}, {http.MethodPut, "/presence/victim"}, {http.MethodPost, "/presence/victim"}, {http.MethodDelete, "/presence/victim"}, {http.MethodPost, "/presence/victim/leave"},
					} {
						s.send(request[0], "/v1/rooms/target"+request[1], strings.NewReader(`{}`), "Origin", origin, "Sec-Fetch-Site", site).
							problem(403, problem.CrossOrigin)
					}
				}
			}
			s.victimIsPresent(t)
		})
	}, allowing(t, app))
}

// Over plain HTTP, browsers send only Origin, and a proxy may replace the Host to compare it with.
// Requests that need a preflight need no other protection, unless they have the cookie.
func TestPagesWriteThroughAProxyThatReplacesHost(t *testing.T) {
	const batch = `{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":1}]}`
	inBubble(t, func(t *testing.T, s *server) {
		page := []string{"Host", "127.0.0.1:8080", "Origin", "http://board.lan"}
		s.post("/v1/rooms/r/ops", batch, page...).is(200)
		s.send(http.MethodPut, "/v1/rooms/r/presence/ada", strings.NewReader(`{}`), page...).is(200)
		s.send(http.MethodDelete, "/v1/rooms/r/presence/ada", nil, page...).is(204)
		for name, more := range map[string][]string{
			"a form":                  {"Content-Type", "text/plain"},
			"our cookie":              {"Cookie", token.CookieName + "=x"},
			"a browser that knows it": {"Sec-Fetch-Site", "cross-site"},
		} {
			if a := s.post("/v1/rooms/r/ops", batch, slices.Concat(page, more)...); a.status != http.StatusForbidden {
				t.Errorf("%s is answered %d", name, a.status)
			}
		}
		preflight := s.send(http.MethodOptions, "/v1/rooms/r/ops", nil, slices.Concat(page,
			[]string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"})...)
		if allowed := preflight.header.Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("a page that is not allowed passes the preflight: %s", allowed)
		}
	}, localOnly, allowing(t, app))
}

func TestOriginsThatMayWrite(t *testing.T) {
	for name, headers := range map[string][]string{
		"a program":                                      {},
		"a page of the server's own":                     {"Origin", "http://pathsync.test", "Sec-Fetch-Site", "same-origin"},
		"an older browser":                               {"Origin", "http://pathsync.test"},
		"an allowed page":                                {"Origin", app, "Sec-Fetch-Site", "cross-site"},
		"an allowed page of an older browser":            {"Origin", app},
		"an allowed page, with cookies":                  {"Origin", app, "Sec-Fetch-Site", "same-site", "Cookie", "session=1"},
		"a page behind a proxy":                          {"Origin", "http://board.example.com", "X-Forwarded-Host", "board.example.com"},
		"a page behind two":                              {"Origin", "http://board.example.com", "X-Forwarded-Host", "board.example.com, inner.example.com"},
		"a page behind a proxy without X-Forwarded-Host": {"Origin", "http://board.example.com", "Sec-Fetch-Site", "same-origin"},
		"a user who opened the address himself":          {"Sec-Fetch-Site", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(_ *testing.T, s *server) {
				s.post("/v1/rooms/r/ops", `{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":1}]}`, headers...).is(200)
				s.send(http.MethodPut, "/v1/rooms/r/presence/ada", strings.NewReader(`{}`), headers...).is(200)
				s.post("/v1/rooms/r/presence/ada/leave", "", headers...).is(204)
			}, allowing(t, app))
		})
	}
}

package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/httpapi/problem"
)

func localOnly(p *parts) { p.api.LocalOnly = true }

// under sends a same-origin request with a host name.
func (s *server) under(host, method, path, body string) answer {
	s.t.Helper()
	return s.send(method, path, strings.NewReader(body), "Host", host, "Content-Type", "application/json",
		"Origin", "http://"+host, "Sec-Fetch-Site", "same-origin", "X-Forwarded-Host", "localhost")
}

func TestRebindingPageIsRefused(t *testing.T) {
	const batch = `{"clientId":"ada","key":"default","ops":[{"op":"set","path":"treasure","value":0}]}`
	inBubble(t, func(t *testing.T, s *server) {
		s.put("/v1/rooms/target/presence/victim", `{}`).is(200)
		s.harmless(t, func() {
			for _, host := range []string{
				"evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.evil.test:8080", "evil-localhost", "EVIL.test.", "1", "0x7f000001",
				"app.example.com.evil.test", "sub.app.example.com", "[::1].evil.test",
			} {
				for _, path := range []string{"", "/events", "/changes", "/presence", "/stores/default"} {
					s.under(host, http.MethodGet, "/v1/rooms/target"+path, "").problem(403, problem.CrossOrigin)
				}
				s.under(host, http.MethodPost, "/v1/rooms/target/ops", batch).problem(403, problem.CrossOrigin)
				s.under(host, http.MethodPut, "/v1/rooms/target/presence/victim", `{}`).problem(403, problem.CrossOrigin)
				s.under(host, http.MethodPost, "/v1/rooms/target/presence/victim/leave", "").problem(403, problem.CrossOrigin)
			}
		})
		s.victimIsPresent(t)
	}, localOnly, allowing(t, app, "http://pathsync.test"))
}

func TestLocalServerAnswersLocalNamesAndAllowedOrigins(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, host := range []string{
			"localhost", "localhost:8080", "LocalHost", "localhost.", "app.localhost:3000", "127.0.0.1:8080", "[::1]:8080", "[::1]", "192.168.1.5:3000",
			"app.example.com", "app.example.com:8443",
		} {
			s.under(host, http.MethodGet, "/v1/rooms/r", "").is(200)
		}
		s.under("evil.test", http.MethodGet, "/healthz", "").is(200)
	}, localOnly, allowing(t, app))
}

func TestPublicServerAnswersAnyHost(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) { s.under("board.example.com", http.MethodGet, "/v1/rooms/r", "").is(200) })
	inBubble(t, func(_ *testing.T, s *server) { s.under("board.example.com", http.MethodGet, "/v1/rooms/r", "").is(200) },
		localOnly, allowing(t, origin.Any))
}

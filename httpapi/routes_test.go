package httpapi_test

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestMethodNotAllowedHasAllow(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, c := range []struct{ method, path, allow string }{
			{http.MethodPut, "/v1/rooms/r/ops", "OPTIONS, POST"},
			{http.MethodPost, "/v1/rooms/r/events", "OPTIONS, GET"},
			{http.MethodDelete, "/v1/rooms/r", "OPTIONS, GET, HEAD"},
			{http.MethodGet, "/v1/rooms/r/presence/ada", "OPTIONS, DELETE, POST, PUT"},
			{"BREW", "/healthz", "OPTIONS, GET, HEAD"},
		} {
			a := s.send(c.method, c.path, nil)
			a.problem(405, problem.MethodNotAllowed)
			a.has("Allow", c.allow)
		}
	})
}

func TestHEADIsAnsweredLikeGETWithoutABody(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.set("r", "x", "1")
		asset := "/assets/" + assetOf(s.get("/").body)
		for _, path := range []string{
			"/v1/rooms/r", "/v1/rooms/r/stores/default", "/v1/rooms/r/stores/none", "/v1/rooms/r/changes", "/v1/rooms/r/changes?limit=0",
			"/v1/rooms/r/presence", "/v1/rooms/%20/presence", "/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs",
			"/docs/swagger-ui.css", "/docs/none", "/", asset, "/nowhere",
		} {
			get, head := s.get(path, "X-Request-Id", "r1"), s.send(http.MethodHead, path, nil, "X-Request-Id", "r1").says("")
			get.header.Del("Content-Length") // net/http sends it with short bodies
			head.header.Del("Content-Length")
			if head.status != get.status || !reflect.DeepEqual(head.header, get.header) {
				t.Errorf("%s: HEAD is answered %d %v, and GET %d %v", path, head.status, head.header, get.status, get.header)
			}
		}
		s.send(http.MethodHead, "/v1/rooms/r", nil).has("Content-Length", strconv.Itoa(len(s.state("r"))))
	})
}

func TestStreamsHaveNoHEAD(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, path := range []string{"/v1/rooms/r/events", "/v1/events?room=r", "/v1/probe"} {
			s.send(http.MethodHead, path, nil).is(405).has("Allow", "OPTIONS, GET")
		}
	})
}

func TestUnknownPathIsAProblem(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, path := range []string{"/v1", "/v1/rooms", "/v2/rooms/r", "/v1/rooms/r/", "/v1/rooms/r/opsx", "/v1/rooms/a/b", "/favicon.ico"} {
			s.get(path).problem(404, problem.RouteNotFound)
		}
	})
}

func TestPagesOfTheServerAreServed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.get("/healthz").is(200).says(`{"status":"ok"}` + "\n")
		s.get("/readyz").is(200).says(`{"status":"ready"}` + "\n")
		s.get("/openapi.yaml").is(200).has("Content-Type", "application/yaml")
		docs := s.get("/docs").is(200).body
		if !strings.Contains(docs, "/openapi.yaml") {
			t.Errorf("the docs do not show the contract: %s", docs)
		}
		if elsewhere := regexp.MustCompile(`<(link|script|img)[^>]*(src|href)="(https?:)?//`).FindString(docs); elsewhere != "" {
			t.Errorf("the docs load something from elsewhere: %s", elsewhere)
		}
	})
}

func TestValidRequestIDIsEchoed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.get("/healthz", "X-Request-Id", "gateway-7.42:a_b").is(200).has("X-Request-Id", "gateway-7.42:a_b")
		for _, odd := range []string{"", "a b", `"x"`, "é", strings.Repeat("x", 65), "<script>"} {
			if got := s.get("/healthz", "X-Request-Id", odd).is(200).header.Get("X-Request-Id"); len(got) != 36 {
				t.Errorf("%q is answered with %q", odd, got)
			}
		}
	})
}

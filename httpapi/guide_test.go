package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestGuideIsServed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for _, path := range []string{"/guide", "/guide/", "/guide/run/proxies", "/guide/search?q=backup"} {
			page := s.get(path).is(200).has("Content-Type", "text/html; charset=UTF-8").has("Cache-Control", "no-cache")
			if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") {
				t.Errorf("the policy of %s is %q", path, policy)
			}
			head := s.send(http.MethodHead, path, nil).is(200).says("")
			head.has("Content-Length", strconv.Itoa(len(page.body))).has("ETag", page.header.Get("ETag"))
		}
		s.get("/guide/style.css").is(200).has("Content-Type", "text/css; charset=utf-8")
		s.get("/guide/icon.svg").is(200).has("Content-Type", "image/svg+xml")
		for _, path := range []string{"/guide/x", "/guide/run", "/guide/run/", "/guide//run/proxies", "/guide/run/proxies.md", "/guide/../docs/README.md", "/guide/%2e%2e/openapi.go"} {
			s.get(path).problem(404, problem.RouteNotFound)
		}
	})
}

func TestGuideIsRevalidated(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		etag := s.get("/guide/run/proxies").is(200).header.Get("ETag")
		s.get("/guide/run/proxies", "If-None-Match", etag).is(304).says("").has("ETag", etag)
		s.get("/guide/run/proxies", "If-None-Match", etag, "Accept-Encoding", "gzip").is(304)
		s.get("/guide/run/caching", "If-None-Match", etag).is(200)
	})
}

func TestGuideIsCompressedForThoseWhoAcceptIt(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		whole := s.get("/guide/run/proxies", "Accept-Encoding", "gzip;q=0").is(200).has("Content-Encoding", "")
		small := s.get("/guide/run/proxies", "Accept-Encoding", "br, gzip").is(200).has("Content-Encoding", "gzip").has("Vary", "Accept-Encoding")
		if len(small.body) > len(whole.body)/2 {
			t.Errorf("%d of %d bytes", len(small.body), len(whole.body))
		}
	})
}

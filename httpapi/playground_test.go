package httpapi_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestPlaygroundHasAStrictPolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		page := s.get("/").is(200).has("Content-Type", "text/html; charset=UTF-8").has("Cache-Control", "no-cache").
			has("X-Content-Type-Options", "nosniff")
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") ||
			strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %q", policy)
		}
		if inline := regexp.MustCompile(`<style|<script[^>]*>[^<]|style=|\son\w+=`).FindString(page.body); inline != "" {
			t.Errorf("the page has %q in it, which its policy forbids", inline)
		}
		if elsewhere := regexp.MustCompile(`(src|href)="(https?:)?//`).FindString(page.body); elsewhere != "" {
			t.Errorf("the page loads something from elsewhere: %s", elsewhere)
		}
	})
}

func TestAssetsOfThePlaygroundAreImmutable(t *testing.T) {
	types := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
	inBubble(t, func(t *testing.T, s *server) {
		named := regexp.MustCompile(`/assets/[\w.-]+\.(\w+)`).FindAllStringSubmatch(s.get("/").is(200).body, -1)
		if len(named) < 3 {
			t.Fatalf("the page names %v", named)
		}
		for _, asset := range named {
			s.get(asset[0]).is(200).has("Content-Type", types[asset[1]]).
				has("Cache-Control", "public, max-age=31536000, immutable").has("X-Content-Type-Options", "nosniff")
		}
	})
}

func TestPlaygroundAnswersHEAD(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		page := s.get("/")
		for _, path := range []string{"/", regexp.MustCompile(`/assets/[\w.-]+\.js`).FindString(page.body)} {
			whole := s.get(path).is(200)
			head := s.send(http.MethodHead, path, nil).is(200).says("")
			for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "Content-Security-Policy"} {
				head.has(name, whole.header.Get(name))
			}
			head.has("Content-Length", strconv.Itoa(len(whole.body)))
		}
	})
}

func TestOtherFilesAreNotServed(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, path := range []string{"/assets", "/assets/", "/assets/nothing.js", "/assets/../index.html", "/assets/..%2Findex.html",
			"/assets/%2e%2e/sources.json", "/index.html", "/sources.json", "/playground/index.html", "/assets/a/b.js"} {
			s.get(path).problem(404, problem.RouteNotFound)
		}
	})
}

func TestPagesAndTheirFilesAreCompressedAndRevalidated(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		asset := regexp.MustCompile(`/assets/[\w.-]+\.js`).FindString(s.get("/").body)
		for _, path := range []string{"/", asset, "/docs", "/docs/page.js", "/guide/", "/guide/style.css"} {
			whole := s.get(path).is(200)
			packed := s.get(path, "Accept-Encoding", "gzip").is(200).has("Content-Encoding", "gzip").has("Vary", "Accept-Encoding")
			if len(packed.body) >= len(whole.body) {
				t.Errorf("%s has %d bytes, compressed %d", path, len(whole.body), len(packed.body))
			}
			s.get(path, "If-None-Match", packed.header.Get("ETag")).is(304).says("")
		}
	})
}

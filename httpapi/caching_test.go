package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/token"
)

const (
	publicForEver  = "public, max-age=31536000, immutable"
	privateForEver = "private, max-age=31536000, immutable"
	publicBriefly  = "public, max-age=5"
)

// Cache-Control of each response: without authentication, in a public room, and in a room that is not public.
func TestResponsesHaveCacheControl(t *testing.T) {
	const base = "/v1/rooms/r/changes"
	const gone = base + "?after=other-1"
	tests := []struct {
		what, path      string
		status          int
		public, private string
	}{
		{"the room", "/v1/rooms/r", 200, "no-cache", "no-cache"},
		{"the room at its version", "/v1/rooms/r?at=history1-3", 200, publicForEver, privateForEver},
		{"the room at an earlier version", "/v1/rooms/r?at=history1-2", 410, publicBriefly, "no-store"},
		{"the room of another history", "/v1/rooms/r?at=other-3", 410, publicBriefly, "no-store"},
		{"the room at a version to come", "/v1/rooms/r?at=history1-4", 404, "no-store", "no-store"},
		{"no version", "/v1/rooms/r?at=x", 400, "no-store", "no-store"},
		{"a document", "/v1/rooms/r/stores/default", 200, "no-cache", "no-cache"},
		{"no document", "/v1/rooms/r/stores/other", 404, "no-store", "no-store"},
		{"an open page", base + "?after=history1-1", 200, "no-store", "no-store"},
		{"an open page that is shared", base + "?after=history1-1&cursor=0", 200, publicBriefly, "no-store"},
		{"a poll that is shared", base + "?after=history1-3&cursor=7&wait=1", 200, publicBriefly, "no-store"},
		{"a closed range", base + "?after=history1-1&until=history1-3", 200, publicForEver, privateForEver},
		{"a range to come", base + "?after=history1-1&until=history1-4", 404, "no-store", "no-store"},
		{"no range", base + "?after=history1-1&until=history1-1", 400, "no-store", "no-store"},
		{"a position that is gone", gone, 410, "no-store", "no-store"},
		{"a position that is gone, for a reader who shares", gone + "&cursor=0", 410, publicBriefly, "no-store"},
		{"a range that is gone", gone + "&until=other-2", 410, publicBriefly, "no-store"},
		{"a position that may come yet", base + "?after=history1-4&cursor=0", 410, "no-store", "no-store"},
		{"who is present", "/v1/rooms/r/presence", 200, "no-store", "no-store"},
	}
	servers := map[string]struct {
		setting setting
		private bool
	}{
		"without authentication": {setting: func(*parts) {}},
		"in a public room":       {setting: func(p *parts) { guarded(p); p.api.PublicRooms = []access.Pattern{access.Glob("r")} }},
		"in another room":        {setting: func(p *parts) { guarded(p); p.api.PublicRooms = []access.Pattern{access.Glob("r?")} }, private: true},
	}
	for name, with := range servers {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(_ *testing.T, s *server) {
				s.client = s.by("ada", everything)
				s.fill("r", 3)
				for _, test := range tests {
					want, vary := test.public, ""
					if with.private {
						want = test.private
					}
					if want == privateForEver {
						vary = "Authorization, Cookie"
					}
					a := s.get(test.path).is(test.status).has("Cache-Control", want).has("Vary", vary)
					a.what = test.what
				}
			}, with.setting)
		})
	}
}

func TestCORSHeadersVaryByOrigin(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 2)
		const closed = "/v1/rooms/r/changes?after=history1-0&until=history1-2"
		s.get(closed, "Origin", "https://app.example.com").is(200).
			has("Vary", "Origin").has("Access-Control-Allow-Origin", "https://app.example.com").has("Cache-Control", publicForEver)
		s.get(closed).is(200).has("Vary", "Origin").has("Access-Control-Allow-Origin", "")
	}, func(p *parts) { p.api.Origins, _ = origin.Parse([]string{"https://app.example.com"}) })
}

// public requires tokens, except for reading the room `open`.
func public(p *parts) {
	guarded(p)
	p.api.PublicRooms = []access.Pattern{access.Exact("open")}
}

func TestPublicRoomIsReadableWithoutTokenAndOnlyThat(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.by("ada", everything).set("open", "x", "1")
		for _, path := range []string{"", "/stores/default", "/changes"} {
			s.get("/v1/rooms/open" + path).is(200)
			s.get("/v1/rooms/closed"+path).problem(401, problem.Unauthenticated)
		}
		for _, path := range []string{"/events", "/presence"} {
			s.get("/v1/rooms/open"+path).problem(401, problem.Unauthenticated)
		}
		s.post("/v1/rooms/open/ops", write).problem(401, problem.Unauthenticated)
		s.put("/v1/rooms/open/presence/eve", `{}`).problem(401, problem.Unauthenticated)
	}, public)
}

func TestPublicRoomIsReadableWithoutPermission(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		guest := s.by("eve", `{"rooms":[]}`)
		guest.get("/v1/rooms/open").is(200)
		guest.get("/v1/rooms/closed").problem(403, problem.Forbidden)
		guest.get("/v1/rooms/open/presence").problem(403, problem.Forbidden)
	}, public)
}

// A token that is not valid never makes a request anonymous.
func TestInvalidTokenIsRefusedInAPublicRoom(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		expired := newToken("ada", everything, -time.Hour)
		for _, header := range []string{"Bearer x", "Bearer " + expired, "Basic YWRhOg==", ""} {
			s.get("/v1/rooms/open", "Authorization", header).problem(401, problem.Unauthenticated)
		}
		s.get("/v1/rooms/open", "Cookie", token.CookieName+"="+expired).problem(401, problem.Unauthenticated)
		s.get("/v1/rooms/open/changes?token=x").problem(401, problem.Unauthenticated)
	}, public)
}

func TestSimilarNameIsNotAPublicRoom(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, room := range []string{"Open", "open%2F", "opened", "%6Fpen%20x"} {
			s.get("/v1/rooms/"+room).problem(401, problem.Unauthenticated)
		}
		s.get("/v1/rooms/%6Fpen").is(200) // this is the name
	}, public)
}

// Caches revalidate with HEAD or If-None-Match.
func TestClosedRangeIsRevalidated(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.fill("r", 2)
		const closed = "/v1/rooms/r/changes?after=history1-0&until=history1-2"
		const tag = `"history1-0:history1-2"`
		page := s.get(closed).is(200).has("ETag", tag)
		head := s.send(http.MethodHead, closed, nil).is(200).says("").has("ETag", tag).has("Cache-Control", publicForEver)
		if got, want := head.header.Get("Content-Length"), page.header.Get("Content-Length"); got != want {
			t.Errorf("HEAD has Content-Length %s, want %s", got, want)
		}
		for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			s.get(closed, "If-None-Match", known).is(304).says("").has("ETag", tag).has("Cache-Control", publicForEver)
			s.send(http.MethodHead, closed, nil, "If-None-Match", known).is(304)
		}
		s.get(closed, "If-None-Match", strings.Replace(tag, "0", "1", 1)).is(200)
	})
}

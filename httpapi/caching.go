package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pathsync/pathsync/access"
)

// Cache-Control of responses; docs/run/caching.md explains it.

const (
	// shortAge is how long caches may reuse a response that soon changes: long enough to serve all readers that wait for
	// the same response. Readers of an older response continue from there, so they miss nothing.
	shortAge = 5 * time.Second

	// unlimitedAge is a year, the maximum that caches use.
	unlimitedAge = 365 * 24 * time.Hour
)

// isPublic reports whether every client may read a room, so that caches may share its responses among clients.
func (s *Server) isPublic(room string) bool {
	return s.cfg.Auth == nil || slices.ContainsFunc(s.cfg.PublicRooms, func(p access.Pattern) bool { return p.Matches(room) })
}

// setImmutable lets caches keep a response that never changes.
func (s *Server) setImmutable(h http.Header, room string) {
	scope := "public"
	if !s.isPublic(room) {
		scope = "private"
		h.Add("Vary", "Authorization, Cookie") // another user of the same browser has another token
	}
	h.Set("Cache-Control", scope+", "+maxAge(unlimitedAge)+", immutable")
}

// shortCacheControl returns the Cache-Control of a response that many readers request at the same time: caches keep it
// where readers can share it.
func (s *Server) shortCacheControl(room string) string {
	if !s.isPublic(room) {
		return noStore
	}
	return "public, " + maxAge(shortAge)
}

func maxAge(d time.Duration) string { return "max-age=" + strconv.Itoa(int(d/time.Second)) }

package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
)

// This file has what answers tell the caches that they pass. docs/caching.md has the whole of it.

const (
	noStore = "no-store"

	// shortly is how long a cache may answer in our place what will be different soon. It has to last until a crowd that
	// waits for one answer has been served from it. Nobody is late for it: whoever gets an older answer asks on from there.
	shortly = 5 * time.Second

	// forever is a year, the longest that caches look at.
	forever = 365 * 24 * time.Hour
)

// isPublic reports whether everybody may read a room, so that caches may hand out to one what another has asked for.
func (s *Server) isPublic(room string) bool {
	return s.cfg.Auth == nil || slices.ContainsFunc(s.cfg.PublicRooms, func(p access.Pattern) bool { return p.Matches(room) })
}

// keepForever lets caches keep an answer that will never be another.
func (s *Server) keepForever(h http.Header, room string) {
	whose := "public"
	if !s.isPublic(room) {
		// The browser is a cache as well, and can be another user's next: what it keeps is for whoever shows the same token.
		whose = "private"
		h.Add("Vary", "Authorization, Cookie")
	}
	h.Set("Cache-Control", whose+", "+maxAge(forever)+", immutable")
}

// briefly is the Cache-Control of an answer that many readers ask for at the same moment. There is a point in keeping it
// only where they can share it.
func (s *Server) briefly(room string) string {
	if !s.isPublic(room) {
		return noStore
	}
	return "public, " + maxAge(shortly)
}

func maxAge(d time.Duration) string { return "max-age=" + strconv.Itoa(int(d/time.Second)) }

// notModified answers a client that has this version already.
func notModified(c echo.Context) error {
	c.Response().WriteHeader(http.StatusNotModified)
	return nil
}

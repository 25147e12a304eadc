package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Portals, proxies and other servers answer in place of pathsync. No command may take that for success, or ask without end. A batch
// may be applied nevertheless, so it is repeated.
func TestAnswersOfOtherServersAreErrors(t *testing.T) {
	stdin := map[string]string{"apply": `{"op":"delete","path":"a"}`, "import": `{"room":"r","key":"k","state":1}`}
	for name, foreign := range map[string]http.HandlerFunc{
		"a page":    answer("text/html; charset=utf-8", "<!DOCTYPE html>"),
		"an object": text("{}"),
		"a page to sign in": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		},
	} {
		server := scripted(t, foreign)
		t.Setenv("PATHSYNC_SERVER", server.url)
		t.Setenv("PATHSYNC_ADMIN", server.url)
		for _, command := range []string{
			"get r", "get r k", "set r k p 1", "apply r k", "history r", "history r --last 3", "tail r", "export r", "export", "import", "rooms", "stats",
		} {
			before, args, repeats := len(server.asked()), strings.Fields(command), 0
			if slices.Contains([]string{"set", "apply", "import"}, args[0]) {
				repeats = 6
			}
			s := call(t.Context(), stdin[args[0]], args...)
			if n := len(server.asked()) - before; s.code != exitFailed || s.stderr == "" || len(s.waits) != repeats || n > 7 {
				t.Errorf("%s answers %s: %d requests, %+v", name, command, n, s)
			}
		}
	}
}

func TestPageToSignInIsNamed(t *testing.T) {
	server := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	s := call(t.Context(), "", "set", "r", "k", "p", "1", "--server", server.url)
	if s.code != exitFailed || !strings.Contains(s.stderr, "302 Found, which leads to "+server.url+"/login") {
		t.Errorf("%+v", s)
	}
}

func TestPagesThatDoNotAdvanceEnd(t *testing.T) {
	server := scripted(t, text(`{"next":"e-5","changes":[],"rooms":[],"upToDate":false}`))
	t.Setenv("PATHSYNC_SERVER", server.url)
	t.Setenv("PATHSYNC_ADMIN", server.url)
	for _, command := range []string{"history", "rooms"} {
		before := len(server.asked())
		s := call(t.Context(), "", append([]string{command}, map[string][]string{"history": {"r"}}[command]...)...)
		if n := len(server.asked()) - before; s.code != exitFailed || n != 2 {
			t.Errorf("%s: %d requests, %+v", command, n, s)
		}
	}
}

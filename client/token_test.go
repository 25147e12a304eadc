package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTokenIsNotSentToRedirectTarget(t *testing.T) {
	var shown []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, "elsewhere: "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, "server: "+r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer server.Close()
	c := newClient(t, Config{Server: server.URL, Token: "t0ken"})
	if _, err := c.exchange(t.Context(), http.MethodGet, c.roomURL("r"), nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(shown, ", "); got != "server: Bearer t0ken, elsewhere: " {
		t.Error(got)
	}
}

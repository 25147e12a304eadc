package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/origin"
)

func TestFrontAnswersUntilThereIsAServer(t *testing.T) {
	origins, err := origin.Parse([]string{"https://app.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	front := NewFront(origins)
	send := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Origin", "https://app.example.com")
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		return w
	}
	if w := send(http.MethodGet, "/healthz"); w.Code != http.StatusOK || w.Body.String() != "{\"status\":\"ok\"}\n" {
		t.Errorf("/healthz: %d %s", w.Code, w.Body)
	}
	if w := send(http.MethodHead, "/healthz"); w.Code != http.StatusOK {
		t.Errorf("HEAD /healthz: %d", w.Code)
	}
	for _, path := range []string{"/readyz", "/v1/rooms/r", "/metrics", "/", "/absent"} {
		w := send(http.MethodPost, path)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"retryable":true`) || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
		for _, name := range []string{"Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Request-Id"} {
			if w.Header().Get(name) == "" {
				t.Errorf("%s: the header %s is missing", path, name)
			}
		}
	}
	if w := send(http.MethodGet, "/v1/rooms/r"); w.Header().Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("a page of an allowed origin cannot read the answer: %v", w.Header())
	}
	front.ConnState(nil, http.StateNew)
	front.ConnState(nil, http.StateNew)
	front.ConnState(nil, http.StateClosed)
	server := &Server{}
	front.Set(server)
	if got := server.connections.Load(); got != 1 {
		t.Errorf("the server has %d connections, want the one that is open", got)
	}
	front.ConnState(nil, http.StateClosed)
	if got := server.connections.Load(); got != 0 {
		t.Errorf("the server has %d connections, want none", got)
	}
}

package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAdminListenServesRoomsAndStats(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Database = "memory:"
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	admin := s.adminHandler(true)
	ask := func(target string, into any) int {
		t.Helper()
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if into != nil {
			if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
		return w.Code
	}
	if code := ask("http://127.0.0.1/admin/rooms", nil); code != http.StatusServiceUnavailable {
		t.Errorf("before the database is open: %d", code)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	for _, room := range []string{"a", "b", "c"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/rooms/"+room+"/ops",
			strings.NewReader(`{"clientId":"c","key":"k","ops":[{"op":"set","path":"n","value":12}]}`))
		r.Header.Set("Content-Type", "application/json")
		if s.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	type page struct {
		Rooms []struct {
			Room                        string
			Open                        bool
			ServerSeq, LastWrite, Bytes int64
			Readers, Documents          int
		}
		Next string
	}
	for _, list := range []string{"", "&open=true"} {
		var names []string
		for after := ""; ; {
			var p page
			if code := ask("http://127.0.0.1/admin/rooms?limit=2&after="+after+list, &p); code != http.StatusOK || len(p.Rooms) > 2 {
				t.Fatalf("%d %+v", code, p)
			}
			for _, r := range p.Rooms {
				names = append(names, r.Room)
				if !r.Open || r.ServerSeq != 1 || r.Bytes != int64(len(`{"n":12}`)) || r.Documents != 1 || r.Readers != 0 || r.LastWrite == 0 {
					t.Errorf("%+v", r)
				}
			}
			if after = p.Next; after == "" {
				break
			}
		}
		if strings.Join(names, "") != "abc" {
			t.Errorf("with %q: %q", list, names)
		}
	}
	var stats struct {
		Version, Epoch string
		DatabaseUp     bool
		Rooms          int
		MemoryBytes    int64
	}
	if ask("http://localhost/admin/stats", &stats); stats.Version == "" || stats.Epoch == "" || !stats.DatabaseUp || stats.Rooms != 3 || stats.MemoryBytes == 0 {
		t.Errorf("%+v", stats)
	}
	for target, want := range map[string]int{
		"http://127.0.0.1/admin/rooms?limit=1001":        http.StatusBadRequest,
		"http://127.0.0.1/admin/rooms?limit=0":           http.StatusBadRequest,
		"http://127.0.0.1/admin/rooms?open=perhaps":      http.StatusBadRequest,
		"http://127.0.0.1/admin/rooms?open=true&after=x": http.StatusBadRequest,
		"http://127.0.0.1/admin/rooms?after=%zz":         http.StatusBadRequest,
		"http://127.0.0.1/admin/rooms?after=a%00":        http.StatusBadRequest,
		"http://evil.example/admin/rooms":                http.StatusForbidden, // DNS rebinding
		"http://127.0.0.1/admin/other":                   http.StatusNotFound,
		"http://evil.example/healthz":                    http.StatusOK,
	} {
		if code := ask(target, nil); code != want {
			t.Errorf("%s: %d, want %d", target, code, want)
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/admin/rooms", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("at the public address: %d", w.Code)
	}
}

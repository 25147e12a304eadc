package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pathsync/pathsync/server"
)

// live starts a server in memory, whose URLs become those of the commands.
func live(t *testing.T, adjust ...func(*server.Config)) (url string) {
	t.Helper()
	cfg := server.DefaultConfig()
	cfg.Database = "memory:"
	for _, f := range adjust {
		f(&cfg)
	}
	s, err := server.New(cfg)
	if err == nil {
		err = s.Open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	api, admin := httptest.NewServer(s.Handler()), httptest.NewServer(s.AdminHandler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		api.Close()
		admin.Close()
	})
	t.Setenv("PATHSYNC_SERVER", api.URL)
	t.Setenv("PATHSYNC_ADMIN", admin.URL)
	return api.URL
}

// must runs a command that has to succeed, and returns what it prints.
func must(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	s := call(t.Context(), stdin, args...)
	if s.code != exitOK {
		t.Fatalf("%q: exit %d: %s", args, s.code, s.stderr)
	}
	return s.stdout
}

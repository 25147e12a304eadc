package main

import (
	"context"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/client"
	"github.com/pathsync/pathsync/server"
)

func TestServerOfTheTestingPageAnswers(t *testing.T) {
	cfg := server.DefaultConfig()
	cfg.Database = "memory:"
	s, err := server.New(cfg)
	if err == nil {
		err = s.Open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() { web.Close(); _ = s.Shutdown(context.Background()) })

	c, err := client.New(client.Config{Server: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

func TestTestingPageShowsThisServer(t *testing.T) {
	page, err := os.ReadFile("../../docs/build/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testing_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```go\n")
	block, _, found := strings.Cut(rest, "```")
	if indented := "\t" + strings.ReplaceAll(strings.TrimSpace(block), "\n", "\n\t") + "\n"; !found || !strings.Contains(string(source), indented) {
		t.Error("docs/build/testing.md shows another program than TestServerOfTheTestingPageAnswers")
	}
}

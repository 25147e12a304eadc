package main

import (
	"os"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/access"
)

func TestEmbeddingPageShowsThisProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/build/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(program), "\npackage main")
	if !strings.Contains(string(page), "```go\npackage main"+code+"```\n") {
		t.Error("docs/build/embedding.md does not show main.go")
	}
}

func TestExampleGrantsOnlyItsUsers(t *testing.T) {
	ann, err := sessions{"8c1f": "ann"}.Authenticate(t.Context(), "8c1f")
	if err != nil || !ann.Allows(access.Write, "home of ann") || ann.Allows(access.Read, "home of ben") || ann.Allows(access.Write, "public-1") {
		t.Errorf("%+v, %v", ann, err)
	}
	begun, err := sessions{}.LoadInitialState(t.Context(), `home of "ann"`)
	if err != nil || string(begun["default"]) != `{"tasks":[],"title":"home of \"ann\""}` {
		t.Errorf("%s, %v", begun, err)
	}
	if _, err := (sessions{}).Authenticate(t.Context(), ""); err == nil {
		t.Error("a token without a session is accepted")
	}
}

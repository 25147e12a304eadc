package testkit

import (
	"os"
	"strings"
	"testing"
)

// Document checks that a part of a page of the documentation is what the program says. The part is between the comments
// `<!-- NAME: written by make reference -->` and `<!-- /NAME -->`. With PATHSYNC_WRITE_DOCS=1 it writes the part instead.
func Document(t testing.TB, page, name, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": written by make reference -->\n", "<!-- /"+name+" -->\n"
	before, rest, begun := strings.Cut(string(text), begin)
	have, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("%s has no place for %s", page, name)
	}
	want = "\n" + strings.TrimSpace(want) + "\n\n"
	if os.Getenv("PATHSYNC_WRITE_DOCS") == "1" {
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a page is public
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("%s differs from the program in %s; make reference writes it. The first difference:\n%s", page, name, difference(have, want))
	}
}

// difference returns the first lines that differ.
func difference(have, want string) string {
	old, current := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(old), len(current)) {
		if old[i] != current[i] {
			return "- " + old[i] + "\n+ " + current[i]
		}
	}
	return "one ends before the other"
}

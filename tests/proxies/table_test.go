package proxies

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const document = "../../docs/proxies.md"

// The table is between two lines of the document that nobody sees.
const (
	begin = "<!-- table: written by make proxies -->\n"
	end   = "<!-- /table -->\n"
)

// compare holds what was found against the table in the document, or writes it there. What this machine does not have
// is not compared, and nothing is written without it.
func compare(t *testing.T, all []*row) {
	text := read(t, document)
	before, rest, found := strings.Cut(text, begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", document)
	}
	missing := slices.ContainsFunc(all, func(r *row) bool { return r.verdicts == nil })
	if os.Getenv("PATHSYNC_WRITE_DOCS") == "1" {
		if missing {
			t.Fatal("the table is not written: not every program is here")
		}
		write(t, document, before+begin+render(all)+end+after)
		return
	}
	written := strings.Split(table, "\n")
	for _, r := range all {
		if r.verdicts == nil {
			continue
		}
		if line := r.line(); !slices.Contains(written, line) {
			t.Errorf("%s does not have what was found; make proxies writes it:\n%s", document, line)
		}
	}
	if want := 2 + len(all); strings.Count(table, "\n|")+1 != want {
		t.Errorf("the table in %s has %d lines, want %d", document, strings.Count(table, "\n|")+1, want)
	}
}

func render(all []*row) string {
	var b strings.Builder
	b.WriteString("| proxy | to the browser | configuration |")
	for _, check := range checks {
		fmt.Fprintf(&b, " %s |", check.name)
	}
	b.WriteString("\n|" + strings.Repeat("---|", 3+len(checks)) + "\n")
	for _, r := range all {
		b.WriteString(r.line() + "\n")
	}
	b.WriteString("\nFound with " + versions() + ".\n")
	return b.String()
}

// line is a row as the document has it.
func (r *row) line() string {
	cells := []string{fmt.Sprintf("[%s](#%s)", r.name, r.anchor()), r.protocol(), r.configuration()}
	for _, verdict := range r.verdicts {
		if verdict != passed && verdict != absent {
			verdict = "**" + verdict + "**"
		}
		cells = append(cells, verdict)
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// anchor is what the heading of the proxy's own section is reached by.
func (p *proxy) anchor() string { return strings.ToLower(strings.ReplaceAll(p.name, " ", "-")) }

// versions is what was run, for those who read the table. It is not compared.
func versions() string {
	var all []string
	for _, p := range proxies {
		args := p.version
		if p.script != "" {
			args = append([]string{p.module()}, args...)
		}
		said, _ := exec.Command(p.where(), args...).CombinedOutput() // some end with an error
		line, _, _ := strings.Cut(string(said), "\n")
		all = append(all, p.name+" ("+strings.TrimSpace(line)+")")
	}
	return strings.Join(all, ", ")
}

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

// table is the one in the document.
type table struct {
	before, text, after string
}

func readTable(t *testing.T) table {
	before, rest, found := strings.Cut(read(t, document), begin)
	text, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", document)
	}
	return table{before, text, after}
}

// has reports whether the table says of a proxy what was found.
func (d table) has(r *row) bool { return slices.Contains(strings.Split(d.text, "\n"), r.line()) }

// compare holds what was found against the table, or writes it there. What this machine does not have is not compared,
// and nothing is written without it.
func (d table) compare(t *testing.T, all []*row) {
	if os.Getenv("PATHSYNC_WRITE_DOCS") == "1" {
		if slices.ContainsFunc(all, func(r *row) bool { return r.verdicts == nil }) {
			t.Fatal("the table is not written: not every program is here")
		}
		write(t, document, d.before+begin+render(all)+end+d.after)
		return
	}
	for _, r := range all {
		if r.verdicts != nil && !d.has(r) {
			t.Errorf("%s does not have what was found; make proxies writes it:\n%s", document, r.line())
		}
	}
	if lines, want := strings.Count(d.text, "\n|")+1, 2+len(all); lines != want {
		t.Errorf("the table in %s has %d lines, want %d", document, lines, want)
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

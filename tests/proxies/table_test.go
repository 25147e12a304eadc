package proxies

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const document = "../../docs/run/proxies.md"

// Comments before and after the table in the document.
const (
	begin = "<!-- table: written by make proxies -->\n"
	end   = "<!-- /table -->\n"
)

// table is the table in the document, with the text around it.
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

// has reports whether the table has the results of a row.
func (d table) has(r *row) bool { return slices.Contains(strings.Split(d.text, "\n"), r.line()) }

// compare compares the results with the table, or writes them. It does not compare proxies that are not installed, and writes only
// if all are.
func (d table) compare(t *testing.T, all []*row) {
	if os.Getenv("PATHSYNC_WRITE_DOCS") == "1" {
		if slices.ContainsFunc(all, func(r *row) bool { return r.verdicts == nil }) {
			t.Fatal("the table is not written: some programs are not installed")
		}
		write(t, document, d.before+begin+render(all)+end+d.after)
		return
	}
	for _, r := range all {
		if r.verdicts != nil && !d.has(r) {
			t.Errorf("%s differs from the result; make proxies updates it:\n%s", document, r.line())
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

// line returns a row of the document.
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

// anchor returns the anchor of the proxy's section.
func (p *proxy) anchor() string { return strings.ToLower(strings.ReplaceAll(p.name, " ", "-")) }

// versions returns the versions of the programs. They are not compared.
func versions() string {
	var all []string
	for _, p := range proxies {
		args := p.version
		if p.script != "" {
			args = append([]string{p.scriptFile()}, args...)
		}
		output, _ := exec.Command(p.programPath(), args...).CombinedOutput() // some exit with an error
		line, _, _ := strings.Cut(string(output), "\n")
		all = append(all, p.name+" ("+strings.TrimSpace(line)+")")
	}
	return strings.Join(all, ", ")
}

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// grammar returns the commands and groups of commands.
func grammar(t *testing.T) (nodes []*kong.Node) {
	t.Helper()
	line := commandLine{Serve: defaultServe()}
	parser, err := newParser(&line)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		nodes = append(nodes, n)
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	return nodes
}

// words returns the command line that names a command.
func words(n *kong.Node) []string { return strings.Fields(n.FullPath())[1:] }

func TestHelpOfEveryCommandFitsIntoEightyColumns(t *testing.T) {
	t.Setenv("COLUMNS", "200")
	var help bytes.Buffer
	line := commandLine{Serve: defaultServe()}
	parser, err := newParser(&line, kong.Writers(&help, &help), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range grammar(t) {
		help.Reset()
		_, _ = parser.Parse(append(words(n), "--help")) // an error about what is missing follows the help
		if !strings.HasPrefix(help.String(), "Usage: "+n.FullPath()) {
			t.Errorf("%s: %.100s", n.FullPath(), help.String())
		}
		for line := range strings.Lines(help.String()) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > helpWidth || strings.ContainsAny(line, "“”") {
				t.Errorf("%s: %s", n.FullPath(), line)
			}
		}
	}
}

func TestEmptyTextInHelpIsShownAsTwoApostrophes(t *testing.T) {
	if help := must(t, "", "set", "--help"); !strings.Contains(help, "in the document; '' is the document itself") || !strings.Contains(help, "default '' - <") {
		t.Error(help)
	}
}

func TestEveryCommandArgumentAndFlagIsDescribed(t *testing.T) {
	described := func(what, help string) {
		if !strings.HasSuffix(help, ".") || len(help) < len("A file.") {
			t.Errorf("%s is described by %q", what, help)
		}
	}
	nodes := grammar(t)
	if len(nodes) < 24 {
		t.Errorf("%d commands", len(nodes))
	}
	for _, n := range nodes {
		described(n.FullPath(), n.Help)
		for _, argument := range n.Positional {
			described(n.FullPath()+" "+argument.Name, argument.Help)
		}
		for _, flag := range n.Flags {
			described(n.FullPath()+" --"+flag.Name, flag.Help)
			if !flag.IsBool() && flag.PlaceHolder == "" && flag.Default == "" {
				t.Errorf("%s --%s has no placeholder", n.FullPath(), flag.Name)
			}
		}
	}
}

func TestHelpOfEveryCommandHasAnExample(t *testing.T) {
	for _, n := range grammar(t) {
		if n.Type != kong.CommandNode || len(n.Children) > 0 {
			continue
		}
		name := strings.TrimSuffix(n.FullPath(), " serve") // the default
		if name = strings.TrimSuffix(name, " show"); !strings.Contains(n.Detail, "  "+name) && !strings.Contains(n.Detail, "("+name) {
			t.Errorf("%s has no example in\n%s", n.FullPath(), n.Detail)
		}
	}
}

func TestEveryCommandPrintsJSONOnRequest(t *testing.T) {
	others := []string{"serve", "completion"} // which print no result
	for _, n := range grammar(t) {
		has := slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == "json" })
		if want := len(n.Children) == 0 && !slices.Contains(others, n.Name); has != want {
			t.Errorf("%s: --json is %t", n.FullPath(), has)
		}
	}
}

func TestVersionIsPrintedByFlagAndCommand(t *testing.T) {
	if flag, command := must(t, "", "--version"), must(t, "", "version"); flag != command {
		t.Errorf("%q and %q", flag, command)
	}
	if text := must(t, "", "version", "--json"); !strings.Contains(text, `"version": "`+thisBuild().Version+`"`) {
		t.Error(text)
	}
}

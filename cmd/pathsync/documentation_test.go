package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	invoked    = regexp.MustCompile(`(?:(?:^|&& |; |\| |\()(?:\w+=(?:"[^"]*"|[^\s"(]+) )*)(?:(?:bin/|\./)?pathsync(?:\.exe)?|go run \./cmd/pathsync)(?: |$)`)
	named      = regexp.MustCompile(`^--([a-z][a-z0-9-]*)`)
	variable   = regexp.MustCompile(`\bPATHSYNC_[A-Z_]+`)
)

func TestCommandsInDocumentationAreValid(t *testing.T) {
	parser, err := newParser(&commandLine{Serve: defaultServe()}, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	flags, variables := flagsAndVariables(parser)
	commands := 0
	for _, page := range documents(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
				line = strings.TrimSpace(line)
				for _, at := range invoked.FindAllStringIndex(line, -1) {
					commands++
					if err := grammarError(parser, shellWords(line[at[1]:])); err != "" {
						t.Errorf("%s: %s: %s", page, line, err)
					}
				}
			}
		}
		outside := shellBlock.ReplaceAllString(string(text), "")
		for _, code := range inlineCode.FindAllStringSubmatch(outside, -1) {
			if command, ok := strings.CutPrefix(code[1], "pathsync "); ok && !strings.ContainsAny(command, "|…") && !strings.HasPrefix(command, "COMMAND") {
				commands++
				// The text around it may say what is missing.
				if err := grammarError(parser, shellWords(command)); err != "" && !strings.HasPrefix(err, "expected ") {
					t.Errorf("%s: `%s`: %s", page, code[1], err)
				}
			}
			ofGenerators := filepath.Base(page) == "generators.md" // it names flags of other programs
			if found := named.FindStringSubmatch(code[1]); found != nil && !flags[found[1]] && !ofGenerators {
				t.Errorf("%s names the flag %s, which does not exist", page, found[0])
			}
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			if !variables[name] && !strings.HasPrefix(name, "PATHSYNC_TEST_") {
				t.Errorf("%s names the variable %s, which does not exist", page, name)
			}
		}
	}
	if commands < 80 {
		t.Errorf("only %d commands were found", commands)
	}
}

// documents returns the pages with commands.
func documents(t *testing.T) []string {
	t.Helper()
	pages := []string{"../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md", "../../js-client/README.md"}
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// flagsAndVariables returns the names of all flags of all commands, and of their environment variables.
func flagsAndVariables(parser *kong.Kong) (flags, variables map[string]bool) {
	flags, variables = map[string]bool{}, map[string]bool{}
	for _, command := range parser.Model.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				flags[flag.Name] = true
				flags["no-"+flag.Name] = flag.Tag.Negatable != ""
				for _, name := range flag.Envs {
					variables[name] = true
				}
			}
		}
	}
	return flags, variables
}

// grammarError parses a command line without running it, and returns an error about flags and arguments, not about their values: those
// may depend on the environment.
func grammarError(parser *kong.Kong, args []string) string {
	// A parser that is used again does not find the default command.
	if len(args) == 0 || strings.HasPrefix(args[0], "-") && args[0] != "--version" {
		args = append([]string{"serve"}, args...)
	}
	if _, err := parser.Parse(args); err != nil && aboutGrammar.MatchString(err.Error()) {
		return err.Error()
	}
	return ""
}

var aboutGrammar = regexp.MustCompile(`^(?:unknown flag|unexpected argument|expected|missing)`)

// shellWords splits a command of a shell, up to its end: an operator or a comment.
func shellWords(command string) []string {
	var (
		found   []string
		current strings.Builder
		quote   rune
		inWord  bool
	)
	end := func() {
		if inWord {
			found = append(found, current.String())
		}
		current.Reset()
		inWord = false
	}
	for _, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			current.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|&;<>)", r), r == '#' && !inWord:
			end()
			return found
		default:
			current.WriteRune(r)
			inWord = true
		}
	}
	end()
	return found
}

package main

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCompletionKnowsEveryCommandAndFlag(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := must(t, "", "completion", shell)
		for _, n := range grammar(t) {
			for _, flag := range n.Flags {
				name := "--" + flag.Name
				if shell == "fish" {
					name = "-l " + flag.Name
				}
				if !flag.Hidden && !strings.Contains(script, name) {
					t.Errorf("%s: %s %s is missing", shell, n.FullPath(), name)
				}
			}
			if path := "/" + strings.Join(words(n), "/"); n.Parent != nil && !strings.Contains(script, path) {
				t.Errorf("%s: %s is missing", shell, path)
			}
		}
		if program, err := exec.LookPath(shell); err == nil {
			check := exec.CommandContext(t.Context(), program, "-n")
			check.Stdin = strings.NewReader(script)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s does not accept the script: %v: %s", shell, err, out)
			}
		}
	}
	if s := call(t.Context(), "", "completion", "cmd"); s.code != exitUsage {
		t.Errorf("%+v", s)
	}
}

// completedLines are command lines, and what a key for completion makes of them.
var completedLines = map[string]string{
	"pathsync tok":                "pathsync token ",
	"pathsync token m":            "pathsync token make ",
	"pathsync token make --jwt-s": "pathsync token make --jwt-secret ",
	"pathsync get serve --s":      "pathsync get serve --server ", // a room named like a command
	"pathsync --admin-l":          "pathsync --admin-listen ",
	"pathsync rooms --json --op":  "pathsync rooms --json --open ",
	"pathsync import exp":         "pathsync import exported.ndjson ",
	"pathsync get nonsense":       "pathsync get nonsense",
}

// shellWith returns a shell, and a directory with its completion script and a file.
func shellWith(t *testing.T, shell string) (program, directory string) {
	t.Helper()
	program, err := exec.LookPath(shell)
	if err != nil {
		t.Skip(shell + " is not installed")
	}
	directory = t.TempDir()
	for name, text := range map[string]string{"script": must(t, "", "completion", shell), "exported.ndjson": ""} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return program, directory
}

func TestZshCompletesTheWordsThatFit(t *testing.T) {
	zsh, directory := shellWith(t, "zsh")
	const inner = `
autoload -Uz compinit
compinit -D -u
source ./script
write-line() { print -r -- "$BUFFER" >>lines; BUFFER=; print 'the line is written' }
zle -N write-line
bindkey '^X' write-line
print 'the shell is ready'`
	const outer = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'source ./inner'
zpty -r -m shell seen '*is ready*'
for line in "$@"; do
  zpty -n -w shell "$line"$'\t\x18'
  zpty -r -m shell seen '*is written*'
done`
	if err := os.WriteFile(filepath.Join(directory, "inner"), []byte(inner), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := slices.Sorted(maps.Keys(completedLines))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, zsh, append([]string{"-f", "-c", outer, "zsh"}, lines...)...)
	run.Dir, run.WaitDelay = directory, time.Second
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(directory, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]string, len(lines))
	for i, line := range lines {
		want[i] = completedLines[line]
	}
	if want := strings.Join(want, "\n") + "\n"; string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFishCompletesTheWordsThatFit(t *testing.T) {
	fish, directory := shellWith(t, "fish")
	for line, completed := range completedLines {
		run := exec.CommandContext(t.Context(), fish, "--no-config", "-c", "source ./script; complete -C "+quoted(line))
		run.Dir = directory
		out, err := run.Output()
		want := completed[strings.LastIndex(strings.TrimSuffix(completed, " "), " ")+1:]
		if line == completed {
			want = ""
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\t") // after it, the description
		if err != nil || first != strings.TrimSpace(want) {
			t.Errorf("%s: %q, %v, want %q", line, out, err, want)
		}
	}
}

func TestBashCompletesTheWordsThatFit(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	script := must(t, "", "completion", "bash") + `
COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _pathsync; echo "${COMPREPLY[@]}"`
	for line, want := range map[string][]string{
		"pathsync to":                   {"token"},
		"pathsync token m":              {"make"},
		"pathsync token make --jwt-s":   {"--jwt-secret"},
		"pathsync get serve --s":        {"--server"}, // a room named like a command
		"pathsync --admin-l":            {"--admin-listen"},
		"pathsync rooms --json --op":    {"--open"},
		"pathsync export --server x --": {"--server", "--token", "--admin", "--output", "--help", "--version"},
		"pathsync get nonsense":         nil,
	} {
		out, err := exec.CommandContext(t.Context(), bash, append([]string{"-c", script, "bash"}, strings.Fields(line)...)...).Output()
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}

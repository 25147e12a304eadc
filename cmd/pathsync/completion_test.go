package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
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
		"pathsync token make --jwt":     {"--jwt-secret"},
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

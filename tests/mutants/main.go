// Command mutants plants faults in the code, one at a time, and runs the checks that have to find them. It prints which check
// finds which fault as a Markdown table. A fault that is not found by every check that the table names is a missing test. With
// -all, the other checks run, too.
//
//	go run ./tests/mutants [-only regexp] [-all]
//
// The files are not changed: `go test -overlay` replaces them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// check is a set of tests.
type check struct {
	name string
	pkg  string
	args []string
	env  []string
}

var checks = []check{
	{name: "core", pkg: "./core"},
	{name: "sim", pkg: "./tests/sim", args: []string{"-run", "^TestServersWithFaults"}, env: []string{"PATHSYNC_SIM_BATCHES=24000"}},
	{name: "store", pkg: "./core/memstore"},
}

// timeout limits one check, with its compilation.
const timeout = 10 * time.Minute

func main() {
	only := flag.String("only", "", "plant only the faults whose name matches this regular expression")
	all := flag.Bool("all", false, "run all checks for each fault")
	flag.Parse()
	chosen, err := regexp.Compile(*only)
	if err == nil {
		err = run(chosen, *all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(only *regexp.Regexp, all bool) error {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, c := range checks {
		switch failed, err := c.confirmed(""); {
		case err != nil:
			return err
		case failed != "":
			return fmt.Errorf("%s fails without a fault: %s", c.name, failed)
		}
	}
	fmt.Println("| fault | core | sim | store |\n|---|---|---|---|")
	var missed []error
	for _, m := range mutants {
		if only.MatchString(m.name) {
			missed = append(missed, m.try(root, dir, all))
		}
	}
	return errors.Join(missed...)
}

// try prints the row of a mutant. It returns an error if a check misses it.
func (m mutant) try(root, dir string, all bool) error {
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return err
	}
	var row strings.Builder
	var missed []string
	for _, c := range checks {
		must := slices.Contains(m.kills, c.name)
		if !must && !all {
			row.WriteString(" |")
			continue
		}
		failed, err := c.confirmed(overlay)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if failed == "" {
			failed = "not found"
			if must {
				missed = append(missed, c.name)
			}
		}
		row.WriteString(" " + failed + " |")
	}
	fmt.Printf("| %s |%s\n", m.name, row.String())
	if len(missed) > 0 {
		return fmt.Errorf("%s: not found by %v", m.name, missed)
	}
	return nil
}

// apply returns the text of a file with the fault.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.from); n != 1 {
		return "", fmt.Errorf("%s: %s has the text to replace %d times", m.name, m.file, n)
	}
	return strings.Replace(text, m.from, m.to, 1), nil
}

// overlay writes the changed file, and the file that tells go to use it.
func (m mutant) overlay(root, dir string) (name string, err error) {
	original := filepath.Join(root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	changed, err := m.apply(string(text))
	if err != nil {
		return "", err
	}
	replacement := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(replacement, []byte(changed), 0o600); err != nil {
		return "", err
	}
	rules, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replacement}})
	if err != nil {
		return "", err
	}
	name = filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, rules, 0o600)
}

// confirmed is run for a mutant. A test that fails must fail again when it runs alone: one that fails by chance, for example
// because the machine is busy, finds nothing.
func (c check) confirmed(overlay string) (failed string, err error) {
	failed, err = c.run(overlay, "")
	if err != nil || failed == "" || c.name == "sim" { // the simulation fails with a violation only
		return failed, err
	}
	if failed == inGoroutine {
		failed = ""
	}
	return c.run(overlay, failed)
}

// inGoroutine is what failed when a goroutine panics: the output names no test.
const inGoroutine = "(panic)"

var (
	failure = regexp.MustCompile(`(?m)^--- FAIL: ([^\s/]+)`)
	running = regexp.MustCompile(`(?m)^\s+(Test[^\s/]+)\S* \(\d`) // listed when the time limit ends the tests
)

// run runs a check, or one test of it. failed is the first test that fails.
func (c check) run(overlay, test string) (failed string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	args := []string{"test", "-count=1", "-failfast", "-vet=off", "-timeout", (timeout / 2).String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	args = append(append(args, c.args...), c.pkg)
	if test != "" {
		args = append(args, "-run", "^"+test+"$")
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), c.env...)
	output, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return "", nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s does not end: %w", c.name, ctx.Err())
	case strings.Contains(string(output), "[build failed]"), strings.Contains(string(output), "[setup failed]"):
		return "", fmt.Errorf("%s does not compile: %s", c.name, output)
	}
	for _, pattern := range []*regexp.Regexp{failure, running} {
		if m := pattern.FindStringSubmatch(string(output)); m != nil {
			return m[1], nil
		}
	}
	if strings.Contains(string(output), "panic: ") {
		return inGoroutine, nil
	}
	return "", fmt.Errorf("%s fails without the name of a test: %s", c.name, output)
}

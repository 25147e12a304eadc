package program

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds the pathsync binary into a directory and returns its path. It looks for races when the tests do.
func Build(dir string) (string, error) { return build(dir, buildFlags) }

// BuildAsReleased builds the binary as people run it, also in tests that look for races: for what is measured.
func BuildAsReleased(dir string) (string, error) { return build(dir, nil) }

func build(dir string, flags []string) (string, error) {
	binary := filepath.Join(dir, "pathsync")
	args := append([]string{"build", "-o", binary}, flags...)
	build := exec.Command("go", append(args, "github.com/pathsync/pathsync/cmd/pathsync")...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return binary, nil
}

package program

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
)

// Build builds the pathsync binary into a directory and returns its path. With -race, the binary has the race detector, too.
func Build(dir string) (string, error) { return build(dir, buildFlags) }

// BuildAsReleased builds the binary without the race detector, also in tests with -race. It is for measurements.
func BuildAsReleased(dir string) (string, error) { return build(dir, nil) }

// BuildWith builds the binary with further flags of the go command, such as -overlay.
func BuildWith(dir string, flags ...string) (string, error) {
	return build(dir, slices.Concat(buildFlags, flags))
}

func build(dir string, flags []string) (string, error) {
	binary := filepath.Join(dir, "pathsync")
	args := append([]string{"build", "-o", binary}, flags...)
	build := exec.Command("go", append(args, "github.com/pathsync/pathsync/cmd/pathsync")...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return binary, nil
}

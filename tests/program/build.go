package program

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds the pathsync binary into a directory and returns its path.
func Build(dir string) (string, error) {
	binary := filepath.Join(dir, "pathsync")
	args := append([]string{"build", "-o", binary}, buildFlags...)
	build := exec.Command("go", append(args, "github.com/pathsync/pathsync/cmd/pathsync")...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return binary, nil
}

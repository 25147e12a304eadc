package program

import (
	"fmt"
	"os"
)

// Main runs the tests of a package, and returns the exit code for its TestMain. Before, it calls prepare with a temporary directory,
// where programs can be built once for all tests. Other users can read the directory, which is removed afterwards.
func Main(tests interface{ Run() int }, prepare func(dir string) error) (code int) {
	dir, err := os.MkdirTemp("", "pathsync-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return tests.Run()
}

package examples

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// The programs under test, built once for all tests.
var serverBinary, goClient string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests mostly wait
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "pathsync-examples-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a directory for the programs:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if serverBinary, err = program.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	goClient = filepath.Join(dir, "client")
	if out, err := exec.Command("go", "build", "-o", goClient, "github.com/pathsync/pathsync/examples/go").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the example in Go: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

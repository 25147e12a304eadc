package cluster

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// serverBinary is the program under test, built once for all tests.
var serverBinary string

func TestMain(m *testing.M) {
	code, ok := runInNamespace()
	if !ok {
		code = run(m)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests wait most of the time
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := prepareNamespace(); err != nil {
		fmt.Fprintln(os.Stderr, "preparing the network namespace:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "pathsync-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a directory for the binary:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if serverBinary, err = program.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

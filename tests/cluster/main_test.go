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

func run(m *testing.M) int {
	return program.Main(m, func(dir string) (err error) {
		flag.Parse()
		if err := flag.Set("test.parallel", "8"); err != nil { // the tests wait most of the time
			return err
		}
		if err := prepareNamespace(); err != nil {
			return fmt.Errorf("preparing the network namespace: %w", err)
		}
		serverBinary, err = program.Build(dir)
		return err
	})
}

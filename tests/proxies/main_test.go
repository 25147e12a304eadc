package proxies

import (
	"flag"
	"os"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// binary is the server under test, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(program.Main(m, func(dir string) (err error) {
		flag.Parse()
		// The tests wait most of the time, so many of them run in parallel.
		if err := flag.Set("test.parallel", "12"); err != nil {
			return err
		}
		binary, err = program.Build(dir)
		return err
	}))
}

package e2e

import (
	"os"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// binary is the program under test, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(program.Main(m, func(dir string) (err error) {
		binary, err = program.Build(dir)
		return err
	}))
}

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

func TestMain(m *testing.M) {
	os.Exit(program.Main(m, func(dir string) (err error) {
		flag.Parse()
		if err := flag.Set("test.parallel", "8"); err != nil { // the tests mostly wait
			return err
		}
		if serverBinary, err = program.Build(dir); err != nil {
			return err
		}
		goClient = filepath.Join(dir, "client")
		if out, err := exec.Command("go", "build", "-o", goClient, "github.com/pathsync/pathsync/examples/go").CombinedOutput(); err != nil {
			return fmt.Errorf("building the example in Go: %w\n%s", err, out)
		}
		return nil
	}))
}

package attack

import (
	"fmt"
	"os"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// binary is the program under test, built once for all tests.
var binary string

// long reports whether the attacks run at full size.
var long = os.Getenv("PATHSYNC_ATTACK") == "long"

// sized returns short, or full if the attacks run at full size.
func sized(short, full int) int {
	if long {
		return full
	}
	return short
}

func TestMain(m *testing.M) {
	if address := os.Getenv(writerAddress); address != "" {
		write(address)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	if binary = os.Getenv("PATHSYNC_ATTACK_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "pathsync-attack-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a directory for the binary:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary, err = program.BuildAsReleased(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

package attack

import (
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
	os.Exit(program.Main(m, func(dir string) (err error) {
		if binary = os.Getenv("PATHSYNC_ATTACK_BINARY"); binary == "" {
			binary, err = program.BuildAsReleased(dir)
		}
		return err
	}))
}

package generators

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/tests/program"
)

const (
	jwtSecret = "only-for-tests-only-for-tests-only-for-tests"
	// limit is the time limit of one command. Maven may have to download its plugins.
	limit = 10 * time.Minute
)

// allSteps are the steps that a program prints: a request without a token, the example addAndSet, the state of the room, a
// long poll, a stream, an invalid batch, and batches up to the limit of a client.
var allSteps = []string{"401", "post", "read", "poll", "stream", "422", "429"}

// buildDir is where server is built, once for all tests.
var buildDir string

var server = sync.OnceValues(func() (binary string, err error) { return program.Build(buildDir) })

func TestMain(m *testing.M) {
	os.Exit(program.Main(m, func(dir string) error {
		buildDir = dir
		return nil
	}))
}

// workshop is a directory with the programs of one language, and a server for their clients.
type workshop struct {
	dir         string
	contract    string   // path of openapi.yaml
	environment []string // that of the programs, without PATHSYNC_ROOM
}

// newWorkshop copies the programs of a language, without installed packages.
func newWorkshop(t *testing.T, language string) *workshop {
	t.Helper()
	w := &workshop{dir: t.TempDir()}
	err := filepath.WalkDir(language, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(language, path)
		switch {
		case entry.Name() == "node_modules" || entry.Name() == ".venv" || entry.Name() == "target":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(w.dir, name), 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(w.dir, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.contract = filepath.Join(w.dir, "openapi.yaml")
	if err := os.WriteFile(w.contract, pathsync.OpenAPI, 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

// serve starts a server for the programs, on which a client may send 4 batches per second to a room.
func (w *workshop) serve(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	binary, err := server()
	if err != nil {
		t.Fatal(err)
	}
	address := program.FreeAddress(t)
	process := program.Start(t, dir, nil, binary, "serve", "--listen", address, "--database", "sqlite:"+filepath.Join(dir, "rooms.db"),
		"--auth", "jwt", "--jwt-secret", jwtSecret, "--client-batches", "4")
	process.Line(t, process.Stderr, `msg="pathsync is ready"`)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "u-17", "exp": time.Now().Add(time.Hour).Unix(),
		"pathsync": map[string]any{"rooms": []any{map[string]any{"match": "generated/*", "read": true, "write": true}}},
	}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	w.environment = []string{"PATHSYNC_URL=http://" + address, "PATHSYNC_TOKEN=" + token}
}

// run runs a command in the directory and returns its standard output.
func (w *workshop) run(t *testing.T, environment []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = w.dir, slices.Concat(os.Environ(), environment), 10*time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, stdout, stderr.String())
	}
	return string(stdout)
}

// use runs a program, which must print these steps.
func (w *workshop) use(t *testing.T, room string, steps []string, name string, args ...string) {
	t.Helper()
	output := w.run(t, slices.Concat(w.environment, []string{"PATHSYNC_ROOM=generated/" + room}), name, args...)
	got := strings.Fields(strings.ReplaceAll(output, "\x1b[0m", "")) // Maven resets the colour, also without a terminal
	if !slices.Equal(got, steps) {
		t.Errorf("%s: the program has done %v, want %v", room, got, steps)
	}
}

// installed returns the absolute path of a file that `make` installs, and skips the test if it is missing.
func installed(t *testing.T, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not installed; make test installs it", path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(fmt.Errorf("finding %s: %w", path, err))
	}
	return absolute
}

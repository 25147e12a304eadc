package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// server is a server with its address and its database, which stay the same over restarts of its process.
type server struct {
	api
	t        *testing.T
	address  string // host:port
	database string // URL
	file     string // of the database, if it is SQLite
	flags    []string
	socket   *os.File // the inherited listening socket, or nil
	process  *program.Process
}

// startServer starts a server with a new database.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rooms.db")
	s := startServerOn(t, "sqlite:"+file, flags...)
	s.file = file
	return s
}

// startServerOn starts a server with the database that a URL names.
func startServerOn(t *testing.T, database string, flags ...string) *server {
	t.Helper()
	s := &server{t: t, address: program.FreeAddress(t), database: database, flags: flags}
	s.api = api{url: "http://" + s.address, http: newHTTPClient(t)}
	s.start()
	return s
}

func newHTTPClient(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// launch starts the process and does not wait until it serves.
func (s *server) launch() {
	s.t.Helper()
	args := append([]string{"serve", "--listen", s.address, "--database", s.database}, s.flags...)
	s.process = program.Prepare(binary, args...)
	if s.socket != nil {
		passSocket(s.process, s.socket)
	}
	s.process.Start(s.t)
}

// passSocket passes a listening socket to a process as systemd does. LISTEN_PID must be the id of the process itself, so a
// shell sets it and then replaces itself by the process.
func passSocket(p *program.Process, socket *os.File) {
	const become = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`
	p.Cmd.Path, p.Cmd.Args = "/bin/sh", append([]string{"sh", "-c", become}, p.Cmd.Args...)
	p.Cmd.ExtraFiles = []*os.File{socket}
}

// start starts the process and waits until it logs the URL at which it serves.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	line := s.process.Line(s.t, s.process.Stderr, `msg="pathsync is ready"`)
	if want := "url=http://" + s.address + "/"; !strings.Contains(line, want) {
		s.t.Fatalf("%q does not have %q", line, want)
	}
}

// kill ends the process with SIGKILL.
func (s *server) kill() {
	s.t.Helper()
	s.process.Kill(s.t)
}

// shutdownLimit is the maximum duration of an orderly shutdown: supervisors kill a process that takes longer.
const shutdownLimit = 10 * time.Second

// stop ends the process with SIGTERM.
func (s *server) stop() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGTERM)
	s.stopped()
}

// stopped expects that the process ends in time with exit code 0.
func (s *server) stopped() {
	s.t.Helper()
	if code := s.process.Wait(s.t, shutdownLimit); code != 0 {
		s.t.Fatalf("exit code %d:\n%s", code, s.process.Stderr.String())
	}
}

// post sends a batch and expects success.
func (s *server) post(room string, b batch) answer {
	s.t.Helper()
	a, err := s.api.post(s.t.Context(), room, b.encode())
	if err != nil {
		s.t.Fatalf("posting to %s: %v", room, err)
	}
	return a
}

// set posts a batch of one `set` to the document `default`.
func (s *server) set(room, path, value string) answer {
	s.t.Helper()
	return s.post(room, batch{ClientID: "setter", Key: "default", Ops: []op{{Path: path, Op: "set", Value: []byte(value)}}})
}

// get expects 200 for a path such as /v1/rooms/r.
func (s *server) get(path string) reply {
	s.t.Helper()
	r := s.ask(http.MethodGet, path, nil, "")
	if r.status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, r.status, r.body)
	}
	return r
}

// ask sends any request and returns the response, also an error response.
func (s *server) ask(method, path string, header http.Header, body string) reply {
	s.t.Helper()
	r, err := s.do(s.t.Context(), method, path, header, []byte(body))
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// snapshot returns a room as GET returns it.
func (s *server) snapshot(room string) snapshot {
	s.t.Helper()
	got, err := s.api.snapshot(s.t.Context(), room)
	if err != nil {
		s.t.Fatalf("reading %s: %v", room, err)
	}
	return got
}

// refused expects a problem with a status and a code.
func (r reply) refused(t *testing.T, status int, code string) {
	t.Helper()
	if p := r.problem(); r.status != status || p.Code != code || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s, want %d %s", r.status, r.body, status, code)
	}
	if status == http.StatusServiceUnavailable {
		if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("a 503 has Retry-After %q", r.header.Get("Retry-After"))
		}
	}
}

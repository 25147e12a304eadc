package proxies

import (
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// server is the pathsync server behind a proxy. It keeps its address and its database across restarts.
type server struct {
	t       *testing.T
	address string
	file    string
	process *program.Process
}

// heartbeat is the interval in phase shortened.
const heartbeat = 15 * time.Second / faster

func newServer(t *testing.T) *server {
	t.Helper()
	return &server{t: t, address: program.FreeAddress(t), file: filepath.Join(t.TempDir(), "rooms.db")}
}

func (s *server) start(heartbeat time.Duration) {
	s.t.Helper()
	ms := strconv.FormatInt(heartbeat.Milliseconds(), 10)
	s.process = program.Start(s.t, "", nil, binary, "serve", "--listen", s.address, "--database", "sqlite:"+s.file,
		"--heartbeat-ms", ms, "--presence-timeout-ms", ms)
	ready(s.t, s.process, s.address)
	eventually(s.t, "the server is ready", func() bool {
		resp, err := http.Get("http://" + s.address + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// restart restarts the server with another heartbeat.
func (s *server) restart(heartbeat time.Duration) {
	s.t.Helper()
	s.process.Kill(s.t)
	s.start(heartbeat)
}

// ready waits until a program accepts connections.
func ready(t *testing.T, p *program.Process, address string) {
	t.Helper()
	eventually(t, address+" is open", func() bool {
		select {
		case <-p.Exited():
			t.Fatalf("the program has exited:\n%s", p.Said())
		default:
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// patience is the limit for operations whose duration a test does not measure.
const patience = 30 * time.Second

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !within(patience, holds) {
		t.Fatalf("%s: not within %s", what, patience)
	}
}

// within polls a condition and reports whether it holds in time.
func within(limit time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

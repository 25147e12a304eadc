package cluster

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

const (
	// patience is the time limit for what has to happen. It is long, so that tests pass on a busy machine.
	patience = time.Minute
	// presenceTimeout and heartbeat are settings of the servers. They are short, so that the tests are.
	presenceTimeout = 3 * time.Second
	heartbeat       = time.Second
)

// server is one of several servers. It may be restarted.
type server struct {
	t        *testing.T
	place    *place
	program  string // path of the binary
	database string
	address  string   // host:port for clients
	peers    string   // host:port for other servers
	flags    []string // further flags
	process  *program.Process
	// processes are all runs of the server.
	processes []*program.Process
	up        atomic.Bool // the balancer of this package sends it requests
}

// launch starts the server.
func (s *server) launch() {
	s.t.Helper()
	args := append([]string{
		"--listen", s.address, "--cluster", "--cluster-listen", s.peers, "--drain-spread", "500ms",
		"--presence-timeout-ms", fmt.Sprint(presenceTimeout.Milliseconds()), "--heartbeat-ms", fmt.Sprint(heartbeat.Milliseconds()),
		// All clients have one address.
		"--address-batches", "0", "--address-requests", "0", "--address-streams", "0", "--address-rooms", "0", "--client-batches", "0",
	}, s.flags...)
	if s.place.ns != nil {
		args = append(args, "--insecure-no-auth") // the address is not one of the loopback interface
	}
	s.process = s.place.start(s.t, []string{"PATHSYNC_DATABASE=" + s.database}, s.program, args...)
	s.processes = append(s.processes, s.process)
	s.up.Store(true)
}

// start starts the server and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	s.waitReady()
}

func (s *server) waitReady() {
	s.t.Helper()
	s.wait("is ready", func() bool { return s.status("/readyz") == http.StatusOK })
}

// kill ends the server at once, as a crash does.
func (s *server) kill() {
	s.up.Store(false)
	s.process.Kill(s.t)
}

// terminate asks the server to end.
func (s *server) terminate() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGTERM)
}

// waitEnded waits until the server has ended, and returns its exit code.
func (s *server) waitEnded() int {
	s.t.Helper()
	s.up.Store(false)
	return s.process.Wait(s.t, patience)
}

// pause suspends the server until resume.
func (s *server) pause() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGSTOP)
	s.up.Store(false)
}

func (s *server) resume() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGCONT)
	s.up.Store(true)
}

func (s *server) url() string { return "http://" + s.address }

// requests are short requests of the tests to one server. A connection that a fault has left is not used again.
var requests = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// get requests a path of the server with a time limit.
func (s *server) get(path string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	context.AfterFunc(s.t.Context(), cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return requests.Do(r)
}

// status returns the status of a GET; 0 without a response.
func (s *server) status(path string) int {
	resp, err := s.get(path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// waitForServers waits until the server knows n live servers and reaches them over the bus.
func (s *server) waitForServers(n int) {
	s.t.Helper()
	s.wait(fmt.Sprintf("knows %d servers", n), func() bool {
		return s.metric("pathsync_cluster_servers") == float64(n) && s.metric("pathsync_bus_healthy") == 1
	})
}

func (s *server) wait(what string, done func() bool) {
	s.t.Helper()
	for began := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			s.t.Fatalf("%s: not true that it %s", s.place.name, what)
		}
	}
}

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/tests/program"
)

// patience is the time limit for what has to happen. It is long, so that tests pass on a busy machine.
const patience = time.Minute

// server is one of several servers. It may be restarted.
type server struct {
	t        *testing.T
	database string
	address  string // host:port for clients
	peers    string // host:port for other servers
	process  *program.Process
	up       atomic.Bool // the balancer sends it requests
}

// startServers starts servers on a new database and waits until they know each other.
func startServers(t *testing.T, n int) []*server {
	t.Helper()
	database := dbtest.NewPostgres(t).DSN
	servers := make([]*server, n)
	for i := range servers {
		servers[i] = &server{t: t, database: database, address: program.FreeAddress(t), peers: program.FreeAddress(t)}
		servers[i].start()
	}
	for _, s := range servers {
		s.waitForServers(n)
	}
	return servers
}

// start starts the server and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.process = program.Start(s.t, "", []string{"PATHSYNC_DATABASE=" + s.database}, binary, "--listen", s.address, "--cluster",
		"--cluster-listen", s.peers, "--presence-timeout-ms", "3000", "--drain-spread", "500ms")
	s.wait("is ready", func() bool { return s.status("/readyz") == http.StatusOK })
	s.up.Store(true)
}

// kill ends the server at once, as a crash does.
func (s *server) kill() {
	s.up.Store(false)
	s.process.Kill(s.t)
}

// stop ends the server in an orderly way.
func (s *server) stop() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGTERM)
	s.up.Store(false)
	if code := s.process.Wait(s.t, patience); code != 0 {
		s.t.Errorf("the server ended with code %d:\n%s", code, s.process.Said())
	}
}

// pause suspends the server for a time.
func (s *server) pause(d time.Duration) {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGSTOP)
	s.up.Store(false)
	time.Sleep(d)
	s.process.Signal(s.t, syscall.SIGCONT)
	s.up.Store(true)
}

func (s *server) url() string { return "http://" + s.address }

// status returns the status of a GET; 0 without a response.
func (s *server) status(path string) int {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
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
			s.t.Fatalf("%s: not true that it %s:\n%s", s.address, what, s.process.Said())
		}
	}
}

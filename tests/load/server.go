package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pathsync/pathsync/internal/load"
)

// server is the server under load.
type server struct {
	address string // host:port
	cmd     *exec.Cmd
	dir     string
	args    []string  // command line
	cluster bool      // with a bus
	others  []*server // on the same database
}

// startServer starts a server with flags besides those that all loads need, or returns the server at an address.
func startServer(o options, flags ...string) (*server, error) {
	if o.address != "" {
		return &server{address: o.address}, nil
	}
	dir, err := os.MkdirTemp("", "pathsync-load-")
	if err != nil {
		return nil, err
	}
	database := cmp.Or(o.database, "sqlite:"+filepath.Join(dir, "load.db"))
	args := []string{o.binary, "--listen", "127.0.0.1:0", "--database", database, "--client-batches", "0"}
	if taskset, err := exec.LookPath("taskset"); err == nil {
		args = append([]string{taskset, "-c", "0"}, args...)
	}
	s := &server{dir: dir, args: append(args, flags...), cluster: slices.Contains(flags, "--cluster")}
	return s, s.start()
}

// start starts the process and waits for its address.
func (s *server) start() error {
	args := s.args
	if s.cluster {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		args = append(args[:len(args):len(args)], "--cluster-listen", free.Addr().String())
		_ = free.Close()
	}
	s.cmd = exec.Command(args[0], args[1:]...)
	logs, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	found := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			if _, after, ok := strings.Cut(lines.Text(), "url=http://"); ok {
				found <- strings.Trim(strings.Fields(after)[0], `"/`)
			} else if strings.Contains(lines.Text(), "level=ERROR") || strings.Contains(lines.Text(), "level=WARN") {
				fmt.Fprintln(os.Stderr, "server:", lines.Text())
			}
		}
	}()
	select {
	case s.address = <-found:
		return nil
	case <-time.After(20 * time.Second):
		s.stop()
		return errors.New("the server did not log its address within 20 s")
	}
}

// target returns the server as the loads use it. It adds a database of PostgreSQL, for its statistics.
func (s *server) target(database string) *load.Target {
	t := &load.Target{URL: "http://" + s.address, Direct: true}
	if strings.HasPrefix(database, "postgres") {
		t.Transactions = func(ctx context.Context) (int64, int64, error) { return transactions(ctx, database) }
	}
	if s.cmd == nil {
		return t
	}
	t.Usage, t.Kill = s.usage, s.cmd.Process.Kill
	t.Restart = func() (string, error) { // at another address
		s.end()
		err := s.start()
		return "http://" + s.address, err
	}
	for _, other := range s.others {
		t.Others = append(t.Others, other.target(database))
	}
	return t
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	for _, other := range s.others {
		other.end()
	}
	s.end()
	_ = os.RemoveAll(s.dir)
}

// end ends the process.
func (s *server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-ended
	}
}

// usage returns the sum of the usage of the server and others.
func (s *server) usage() (u load.Usage, known bool) {
	for _, other := range s.others {
		of, known := other.usage()
		if !known {
			return u, false
		}
		u = load.Usage{CPU: u.CPU + of.CPU, RSS: u.RSS + of.RSS, Peak: u.Peak + of.Peak, Written: u.Written + of.Written}
	}
	if s.cmd == nil {
		return u, false
	}
	proc := "/proc/" + strconv.Itoa(s.cmd.Process.Pid)
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return u, false
	}
	// The fields after the name in parentheses are numbered from 3: utime is 14 and stime 15, in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	u.CPU += time.Duration(user+system) * 10 * time.Millisecond
	u.RSS += procValue(proc+"/status", "VmRSS:") << 10
	u.Peak += procValue(proc+"/status", "VmHWM:") << 10
	u.Written += procValue(proc+"/io", "write_bytes:")
	return u, true
}

// procValue returns the number after a name in a file of lines such as `name: 12 kB`, and 0 when it is missing.
func procValue(file, name string) int64 {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
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

// startServer builds and starts a server with flags besides those that all loads need, or returns the server at an address.
func startServer(ctx context.Context, o options, flags ...string) (*server, error) {
	if o.address != "" {
		return &server{address: o.address}, nil
	}
	dir, err := os.MkdirTemp("", "pathsync-load-")
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "pathsync")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/pathsync/pathsync/cmd/pathsync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the server: %w: %s", err, out)
	}
	database := cmp.Or(o.database, "sqlite:"+filepath.Join(dir, "load.db"))
	args := []string{binary, "--listen", "127.0.0.1:0", "--database", database, "--client-batches", "0"}
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

// restart ends the server and starts it again on its database, at another address.
func (s *server) restart() error {
	if s.cmd == nil {
		return errors.New("this load restarts the server, so it cannot run with -server")
	}
	s.end()
	return s.start()
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

// usage is what the server has used until a moment.
type usage struct {
	cpu     time.Duration
	rss     int64 // bytes
	peak    int64 // highest rss
	written int64 // bytes, to disk
}

// usage returns the sum of the usage of the server and others.
func (s *server) usage() (u usage, known bool) {
	for _, other := range s.others {
		of, known := other.usage()
		if !known {
			return u, false
		}
		u = usage{u.cpu + of.cpu, u.rss + of.rss, u.peak + of.peak, u.written + of.written}
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
	u.cpu += time.Duration(user+system) * 10 * time.Millisecond
	u.rss += procValue(proc+"/status", "VmRSS:") << 10
	u.peak += procValue(proc+"/status", "VmHWM:") << 10
	u.written += procValue(proc+"/io", "write_bytes:")
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

// metric returns the value of a series without labels.
func (s *server) metric(name string) (float64, error) {
	resp, err := http.Get("http://" + s.address + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("the server has no metric %s", name)
}

// lastSeq returns the serverSeq of a room.
func (s *server) lastSeq(room string) (int64, error) {
	resp, err := http.Get("http://" + s.address + "/v1/rooms/" + room)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	tag := strings.Trim(resp.Header.Get("ETag"), `"`)
	_, digits, _ := strings.Cut(tag, "-")
	return strconv.ParseInt(digits, 10, 64)
}

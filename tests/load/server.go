package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
}

// startServer builds and starts a server, or returns the server at an address.
func startServer(ctx context.Context, address string) (*server, error) {
	if address != "" {
		return &server{address: address}, nil
	}
	dir, err := os.MkdirTemp("", "pathsync-load-")
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "pathsync")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/pathsync/pathsync/cmd/pathsync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the server: %w: %s", err, out)
	}
	args := []string{binary, "--listen", "127.0.0.1:0", "--database", "sqlite:" + filepath.Join(dir, "load.db"),
		"--client-batches", "0"}
	if taskset, err := exec.LookPath("taskset"); err == nil {
		args = append([]string{taskset, "-c", "0"}, args...)
	}
	s := &server{dir: dir, cmd: exec.Command(args[0], args[1:]...)}
	logs, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	found := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			if _, after, ok := strings.Cut(lines.Text(), "url=http://"); ok {
				found <- strings.Trim(strings.Fields(after)[0], `"/`)
			} else if strings.Contains(lines.Text(), "level=ERROR") || strings.Contains(lines.Text(), "level=WARN") {
				fmt.Println("  server:", lines.Text())
			}
		}
	}()
	select {
	case s.address = <-found:
	case <-time.After(20 * time.Second):
		s.stop()
		return nil, errors.New("the server did not log its address within 20 s")
	}
	return s, nil
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-ended
	}
	_ = os.RemoveAll(s.dir)
}

// usage is the CPU time and the memory of the server at a moment.
type usage struct {
	cpu time.Duration
	rss int64 // bytes
	at  time.Time
}

func (s *server) usage() (usage, bool) {
	if s.cmd == nil {
		return usage{}, false
	}
	pid := strconv.Itoa(s.cmd.Process.Pid)
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return usage{}, false
	}
	// The fields after the name in parentheses are numbered from 3: utime is 14 and stime 15, in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	u := usage{cpu: time.Duration(user+system) * 10 * time.Millisecond, at: time.Now()}
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			u.rss = n << 10
		}
	}
	return u, true
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

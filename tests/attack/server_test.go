package attack

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// server is a server under attack.
type server struct {
	t       *testing.T
	address string // host:port
	process *program.Process
	http    *http.Client

	before figures // the attack
	peak   atomic.Pointer[figures]
	// highest is the highest estimate. After a collection the estimate falls at once, and the process later.
	highest atomic.Int64
	writer  *writer
}

// figures is the memory of the server at a moment, in bytes.
type figures struct {
	resident  int64 // of the process
	estimated int64 // pathsync_memory_bytes
}

func (f figures) minus(o figures) figures {
	return figures{f.resident - o.resident, f.estimated - o.estimated}
}

func (f figures) String() string {
	return fmt.Sprintf("%d MiB, estimated %d MiB", f.resident>>20, f.estimated>>20)
}

// start starts a server with a new database.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the memory of a process is read from /proc, which is missing")
	}
	s := &server{t: t, address: program.FreeAddress(t)}
	args := append([]string{"serve", "--listen", s.address, "--database", "sqlite:" + filepath.Join(t.TempDir(), "rooms.db"),
		"--client-batches", "0"}, flags...)
	name := binary
	if taskset, err := exec.LookPath("taskset"); err == nil && long {
		name, args = taskset, append([]string{"-c", "0", binary}, args...) // make attack runs the tests on another core
	}
	s.process = program.Start(t, "", nil, name, args...)
	s.process.Line(t, s.process.Stderr, `msg="pathsync is ready"`)
	transport := &http.Transport{MaxIdleConnsPerHost: 100, MaxConnsPerHost: 200}
	t.Cleanup(transport.CloseIdleConnections)
	s.http = &http.Client{Transport: transport, Timeout: 2 * time.Minute}
	return s
}

// begin records the memory before an attack and starts a writer in another room.
func (s *server) begin() {
	s.writer = startWriter(s.t, s.address)
	time.Sleep(300 * time.Millisecond)
	s.before = s.figures()
	s.peak.Store(&s.before)
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			f := s.figures()
			if f.resident > s.peak.Load().resident {
				s.peak.Store(&f)
			}
			s.highest.Store(max(s.highest.Load(), f.estimated))
		}
	})
	s.t.Cleanup(func() { close(done); watching.Wait() })
}

// figures reads the memory of the server.
func (s *server) figures() (f figures) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Cmd.Process.Pid))
	if err != nil {
		s.t.Error(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			f.resident = kib << 10
		}
	}
	answer, err := s.http.Get("http://" + s.address + "/metrics")
	if err != nil {
		s.t.Error(err)
		return f
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "pathsync_memory_bytes "); ok {
			v, _ := strconv.ParseFloat(text, 64)
			f.estimated = int64(v)
		}
	}
	return f
}

// wants checks the result of an attack at its peak: the process has grown by maxGrowth bytes at most, the estimate differs from
// the growth by a factor of two at most (small amounts excepted), and a writer in another room waits for patience at most.
func (s *server) wants(maxGrowth int64) {
	s.t.Helper()
	time.Sleep(time.Duration(sized(500, 2000)) * time.Millisecond) // the attack lasts, and the writer continues
	held := s.figures()
	if f := s.peak.Load(); f.resident > held.resident {
		held = *f
	}
	grown := held.minus(s.before)
	p99, longest := s.writer.end()
	s.t.Logf("%s: grown by %v (factor %.2f); a writer in another room waits p99 %v, max %v", s.t.Name(), grown,
		float64(grown.estimated)/float64(grown.resident), p99, longest)
	if grown.resident > maxGrowth {
		s.t.Errorf("the process has grown by %d MiB, more than %d", grown.resident>>20, maxGrowth>>20)
	}
	const slack = 24 << 20
	highest := max(held.estimated, s.highest.Load()) - s.before.estimated
	if highest+slack < grown.resident/2 || grown.estimated > 2*(grown.resident+slack) {
		s.t.Errorf("the estimate has grown by %d MiB, %d at most, and the process by %d", grown.estimated>>20, highest>>20, grown.resident>>20)
	}
	if limit := patience; p99 > limit {
		s.t.Errorf("a writer in another room waits for %v (p99), longer than %v", p99, limit)
	}
}

// patience is the limit for the latency of a writer in another room. It is long for small attacks, which run beside other tests.
var patience = time.Duration(sized(5000, 100)) * time.Millisecond

// set returns the body of a batch with one op.
func set(key, path, value string) string {
	return `{"clientId":"attacker","key":"` + key + `","ops":[{"op":"set","path":"` + path + `","value":` + value + `}]}`
}

// post sends a batch and returns the status of the answer.
func (s *server) post(room, body string) int {
	answer, err := s.http.Post("http://"+s.address+"/v1/rooms/"+room+"/ops", "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// send posts a batch that has to be accepted. It retries while the server is overloaded.
func (s *server) send(room, body string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		status := s.post(room, body)
		if status == http.StatusOK {
			return
		}
		if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			s.t.Errorf("posting a batch: status %d", status)
			return
		}
	}
}

// each calls do n times, with a number of calls at once.
func each(n, atOnce int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// unread sends a request and reads only the first bytes of its answer.
func (s *server) unread(target string, header ...string) net.Conn {
	c := s.raw("GET " + target + " HTTP/1.1\r\nHost: " + s.address + "\r\n" + strings.Join(append(header, "\r\n"), "\r\n"))
	var first [64]byte
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(first[:]); err != nil || !bytes.Contains(first[:n], []byte(" 200 ")) {
		s.t.Errorf("the answer to %s begins with %q, %v", target, first[:n], err)
	}
	return c
}

// raw opens a connection with a small receive buffer and sends text.
func (s *server) raw(text string) net.Conn {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Error(err)
	}
	return c
}

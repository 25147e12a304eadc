package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is one run of the binary.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *record
	exited         chan struct{} // closed when the process has ended and all it has said is recorded
}

// prepare makes a process that has not started yet. It knows nothing of the settings of whoever runs the tests.
func prepare(args ...string) *process {
	p := &process{cmd: exec.Command(binary, args...), stdout: newRecord(), stderr: newRecord(), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = p.stdout, p.stderr, withTests()
	p.cmd.Env = []string{"GORACE=atexit_sleep_ms=0"} // it would look for late races for a second
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PATHSYNC_") {
			p.cmd.Env = append(p.cmd.Env, setting)
		}
	}
	return p
}

// inherit hands a listening socket to the process as systemd would. It has to be told its own number, which only a shell
// that becomes it can know beforehand.
func (p *process) inherit(socket *os.File) {
	const become = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`
	p.cmd.Path, p.cmd.Args = "/bin/sh", append([]string{"sh", "-c", become}, p.cmd.Args...)
	p.cmd.ExtraFiles = []*os.File{socket}
}

// start starts the process, and sees to it that it does not outlive the test.
func (p *process) start(t *testing.T) *process {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState has the outcome
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if said := p.stderr.text(); strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic") {
			t.Errorf("%v said:\n%s", p.cmd.Args, said)
		}
	})
	return p
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("sending %v: %v", s, err)
	}
}

// wait returns the exit code, which is -1 after a signal.
func (p *process) wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("%v is still running after %s, and said:\n%s", p.cmd.Args, limit, p.stderr.text())
		return 0
	}
}

// record keeps what a process says, and wakes those who wait for it.
type record struct {
	mu   sync.Mutex
	said bytes.Buffer
	more chan struct{} // closed with the next words
}

func newRecord() *record { return &record{more: make(chan struct{})} }

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.more)
	r.more = make(chan struct{})
	return r.said.Write(p)
}

func (r *record) text() string {
	text, _ := r.read()
	return text
}

func (r *record) read() (text string, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String(), r.more
}

// line waits for a whole line that has some words in it, and returns it.
func (p *process) line(t *testing.T, from *record, words string) string {
	t.Helper()
	limit := time.After(patience)
	for {
		text, more := from.read()
		for line := range strings.Lines(text) {
			if strings.Contains(line, words) && strings.HasSuffix(line, "\n") {
				return line
			}
		}
		select {
		case <-more:
		case <-p.exited:
			if !strings.Contains(from.text(), words) {
				t.Fatalf("%v ended without %q:\n%s%s", p.cmd.Args, words, p.stdout.text(), p.stderr.text())
			}
		case <-limit:
			t.Fatalf("%v does not say %q:\n%s%s", p.cmd.Args, words, p.stdout.text(), p.stderr.text())
		}
	}
}

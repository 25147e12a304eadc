package program

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is one run of a program.
type Process struct {
	cmd    *exec.Cmd
	said   record
	exited chan struct{} // closed when the program has ended and all it has said is recorded
}

// endLimit is how long a program that is asked to end may take before it is ended.
const endLimit = 5 * time.Second

// Start starts a program, in a directory if that is not "", with settings of the environment besides those of the tests. It does
// not outlive the test.
func Start(t testing.TB, dir string, environment []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(name, args...), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.Env = append(ownEnvironment(), environment...)
	group(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // it is ended by a signal
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(endLimit):
		}
		if err := endGroup(p.cmd); err != nil {
			t.Errorf("ending %s: %v", name, err)
		}
		<-p.exited
		if said := p.Said(); strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") {
			t.Errorf("%v said:\n%s", p.cmd.Args, said)
		}
	})
	return p
}

// ownEnvironment is that of the tests without the settings of pathsync, of which a program under test knows nothing.
func ownEnvironment() []string {
	own := []string{"GORACE=atexit_sleep_ms=0"} // it would look for late races for a second
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PATHSYNC_") {
			own = append(own, setting)
		}
	}
	return own
}

// Kill ends the program as a power cut would.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := endGroup(p.cmd); err != nil {
		t.Fatalf("killing %v: %v", p.cmd.Args, err)
	}
	<-p.exited
}

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Said is all that the program has written to its standard output and standard error.
func (p *Process) Said() string { return p.said.String() }

// record keeps what a program says.
type record struct {
	mu   sync.Mutex
	said bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String()
}

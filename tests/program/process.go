package program

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is one run of a program.
type Process struct {
	Cmd            *exec.Cmd // may be changed until the program is started
	Stdout, Stderr *Record
	exited         chan struct{} // closed when the program has ended and all it has said is recorded
	left           error         // ending what the program left behind, once it has exited
}

const (
	// endLimit is how long a program that is asked to end may take before it is ended.
	endLimit = 5 * time.Second
	// patience is how long a program may take to say what it should say at once. A busy machine is no fault of it.
	patience = 30 * time.Second
)

// Prepare makes a process that has not started yet. It knows nothing of the settings of whoever runs the tests.
func Prepare(name string, args ...string) *Process {
	p := &Process{Cmd: exec.Command(name, args...), Stdout: newRecord(), Stderr: newRecord(), exited: make(chan struct{})}
	p.Cmd.Stdout, p.Cmd.Stderr, p.Cmd.SysProcAttr = p.Stdout, p.Stderr, ownGroup()
	p.Cmd.Env = []string{"GORACE=atexit_sleep_ms=0"} // it would look for late races for a second
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PATHSYNC_") {
			p.Cmd.Env = append(p.Cmd.Env, setting)
		}
	}
	return p
}

// Start starts a program, in a directory if that is not "", with settings of the environment besides those of the tests. It does
// not outlive the test.
func Start(t testing.TB, dir string, environment []string, name string, args ...string) *Process {
	t.Helper()
	p := Prepare(name, args...)
	p.Cmd.Dir = dir
	p.Cmd.Env = append(p.Cmd.Env, environment...)
	return p.Start(t)
}

// Start starts the process, and sees to it that it does not outlive the test.
func (p *Process) Start(t testing.TB) *Process {
	t.Helper()
	if err := p.Cmd.Start(); err != nil {
		t.Fatalf("starting %v: %v", p.Cmd.Args, err)
	}
	go func() {
		_ = p.Cmd.Wait() // ProcessState has the outcome
		p.left = endGroup(p.Cmd)
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(endLimit):
			p.Kill(t)
		}
		if p.left != nil {
			t.Errorf("ending what %v left behind: %v", p.Cmd.Args, p.left)
		}
		if said := p.Said(); strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") {
			t.Errorf("%v said:\n%s", p.Cmd.Args, said)
		}
	})
	return p
}

// Signal sends a signal to a program that is running.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil {
		t.Fatalf("sending %v to %v: %v", s, p.Cmd.Args, err)
	}
}

// Kill ends a program that is running as a power cut would, with all that it has started.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := endGroup(p.Cmd); err != nil {
		t.Fatalf("killing %v: %v", p.Cmd.Args, err)
	}
	<-p.exited
}

// Wait waits for the end, and returns the exit code, which is -1 after a signal.
func (p *Process) Wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("%v is still running after %s, and said:\n%s", p.Cmd.Args, limit, p.Said())
		return 0
	}
}

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Said is all that the program has written to its standard output, and then to its standard error.
func (p *Process) Said() string { return p.Stdout.String() + p.Stderr.String() }

// Line waits for a whole line of one of the outputs that has some words in it, and returns it.
func (p *Process) Line(t testing.TB, from *Record, words string) string {
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
			if !strings.Contains(from.String(), words) {
				t.Fatalf("%v ended without %q:\n%s", p.Cmd.Args, words, p.Said())
			}
		case <-limit:
			t.Fatalf("%v does not say %q:\n%s", p.Cmd.Args, words, p.Said())
		}
	}
}

package program

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is one run of a program.
type Process struct {
	Cmd            *exec.Cmd // may be changed until the program is started
	Stdout, Stderr *Record
	// Enter changes the thread that starts the program, for example its network namespace. The thread ends with the program.
	Enter  func() error
	exited chan struct{} // closed when the program has ended and its output is recorded
	left   error         // the error of ending the remaining processes of the group; valid once exited is closed
}

const (
	// endLimit is the time between the request to end and the kill.
	endLimit = 5 * time.Second
	// patience is the time limit for expected output. It is long, so that tests pass on a busy machine.
	patience = 30 * time.Second
)

// Prepare returns a process that has not started yet. It inherits the environment of the tests without the PATHSYNC_ variables.
func Prepare(name string, args ...string) *Process {
	p := &Process{Cmd: exec.Command(name, args...), Stdout: newRecord(), Stderr: newRecord(), exited: make(chan struct{})}
	p.Cmd.Stdout, p.Cmd.Stderr, p.Cmd.SysProcAttr = p.Stdout, p.Stderr, ownGroup()
	p.Cmd.Env = []string{"GORACE=atexit_sleep_ms=0"} // by default, the race detector delays the exit by a second
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PATHSYNC_") {
			p.Cmd.Env = append(p.Cmd.Env, setting)
		}
	}
	return p
}

// Start starts a program with additional environment variables, in a directory unless dir is "". The program ends with the
// test.
func Start(t testing.TB, dir string, environment []string, name string, args ...string) *Process {
	t.Helper()
	p := Prepare(name, args...)
	p.Cmd.Dir = dir
	p.Cmd.Env = append(p.Cmd.Env, environment...)
	return p.Start(t)
}

// Start starts the process and ends it with the test.
func (p *Process) Start(t testing.TB) *Process {
	t.Helper()
	started := make(chan error)
	go func() {
		// Linux sends the signal of ownGroup when the thread that started the program ends.
		runtime.LockOSThread()
		var err error
		if p.Enter == nil {
			defer runtime.UnlockOSThread()
		} else {
			err = p.Enter()
		}
		if err == nil {
			err = p.Cmd.Start()
		}
		if started <- err; err != nil {
			return
		}
		_ = p.Cmd.Wait() // ProcessState has the outcome
		p.left = endGroup(p.Cmd)
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %v: %v", p.Cmd.Args, err)
	}
	t.Cleanup(func() {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(endLimit):
			p.Kill(t)
		}
		if p.left != nil {
			t.Errorf("ending the remaining processes of %v: %v", p.Cmd.Args, p.left)
		}
		if said := p.Said(); strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") {
			t.Errorf("output of %v:\n%s", p.Cmd.Args, said)
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

// Kill kills a running program and all processes of its group.
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
		t.Fatalf("%v is still running after %s, output:\n%s", p.Cmd.Args, limit, p.Said())
		return 0
	}
}

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Said returns the standard output of the program, followed by its standard error.
func (p *Process) Said() string { return p.Stdout.String() + p.Stderr.String() }

// Line waits for a complete line of one of the outputs that contains words, and returns it.
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
			t.Fatalf("%v has not printed %q:\n%s", p.Cmd.Args, words, p.Said())
		}
	}
}

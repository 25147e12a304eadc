package program

import (
	"errors"
	"os/exec"
	"syscall"
)

// ownGroup puts a program into a group of its own, which can be ended whole. The program is asked to end when the tests
// are gone, also when those run out of time.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// endGroup ends whatever is left of a program's group.
func endGroup(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

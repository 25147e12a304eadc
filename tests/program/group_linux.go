package program

import (
	"errors"
	"os/exec"
	"syscall"
)

// ownGroup starts a program in its own process group, so that the group can be killed. The program receives SIGTERM when
// the test process ends, also after a timeout.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// endGroup kills the remaining processes of a program's group.
func endGroup(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

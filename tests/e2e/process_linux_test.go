package e2e

import "syscall"

// withTests ends a process together with the tests, also when those run out of time.
func withTests() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

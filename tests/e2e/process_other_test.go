//go:build !linux

package e2e

import "syscall"

func withTests() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

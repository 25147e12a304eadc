//go:build !linux

package program

import (
	"errors"
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

func endGroup(cmd *exec.Cmd) error {
	if err := cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

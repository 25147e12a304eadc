//go:build !unix

package dbtest

import (
	"errors"
	"os/exec"
)

type servant struct{}

func findServant() (servant, error) { return servant{}, errors.New("it is started here on Unix only") }

func (servant) runs(*exec.Cmd)       {}
func (servant) owns(...string) error { return nil }

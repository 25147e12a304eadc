//go:build unix

package dbtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// servant is the user that servers run as: the one of this process, or another if that is root, which PostgreSQL refuses.
type servant struct{ credential *syscall.Credential }

func findServant() (servant, error) {
	if os.Geteuid() != 0 {
		return servant{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		return servant{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, errors.Join(uidErr, gidErr)
	}
	return servant{}, errors.New("it does not run as root, and there is no other user to run it as")
}

// runs prepares a command to run as the servant, in a group of its own: an interrupt at the keyboard does not reach it.
func (s servant) runs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.credential}
}

// owns gives files to the servant.
func (s servant) owns(files ...string) error {
	if s.credential == nil {
		return nil
	}
	for _, file := range files {
		if err := os.Chown(file, int(s.credential.Uid), int(s.credential.Gid)); err != nil {
			return err
		}
	}
	return nil
}

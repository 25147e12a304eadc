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

// servant is the user of the servers: the current one, or another one if that is root, which PostgreSQL rejects.
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

// runs makes a command run as the servant, in its own process group, so that it does not receive the terminal's interrupts.
func (s servant) runs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.credential}
}

// owns makes the servant the owner of files.
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

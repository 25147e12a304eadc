package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// unprivileged runs a process as a user without superuser rights, so that file permissions apply.
func unprivileged(p *program.Process) {
	if os.Geteuid() == 0 {
		p.Cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
}

func TestAServerThatCannotStartSaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	locked := filepath.Join(dir, "locked")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	const failed, usage = 1, 2
	good := "sqlite:" + filepath.Join(dir, "good.db")
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"the directory is missing", []string{"--database", "sqlite:" + dir + "/absent/x.db"}, failed, []string{dir + "/absent", "does not exist", "create it"}},
		{"the file is something else", []string{"--database", "sqlite:" + text}, failed, []string{text, "not a SQLite database", "choose another"}},
		{"the file is a directory", []string{"--database", "sqlite:" + dir}, failed, []string{dir, "is a directory", "choose a file"}},
		{"the directory is read-only", []string{"--database", "sqlite:" + locked + "/x.db"}, failed, []string{locked, "change their permissions"}},
		{"the port is in use", []string{"--database", good, "--listen", taken.Addr().String()}, failed, []string{taken.Addr().String(), "in use", "--listen"}},
		{"the kind of database is unknown", []string{"--database", "oracle://scott:tiger@localhost/x"}, usage, []string{"oracle:", "sqlite:FILE"}},
		{"no database is named", []string{"--database", "pathsync.db"}, usage, []string{"--database", "sqlite:FILE"}},
		{"a flag is unknown", []string{"--databsae", good}, usage, []string{"--databsae"}},
		{"a flag has no number", []string{"--max-ops", "many"}, usage, []string{"--max-ops"}},
		{"a flag is out of bounds", []string{"--feed-bytes", "1"}, usage, []string{"--feed-bytes must be at least 4096"}},
		{"an address is none", []string{"--listen", "8080"}, usage, []string{"--listen must be an address"}},
		{"it would be open to the network", []string{"--database", good, "--listen", "0.0.0.0:0"}, usage, []string{"--auth jwt", "--insecure-no-auth"}},
		{"tokens without a key", []string{"--database", good, "--auth", "jwt"}, usage, []string{"--jwt-secret", "--jwt-key", "--jwks-url"}},
		{"a short secret", []string{"--database", good, "--auth", "jwt", "--jwt-secret", "tiger"}, usage, []string{"at least 32 bytes"}},
		{"a command is unknown", []string{"sevre"}, usage, []string{"sevre"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if test.code == failed && !strings.Contains(strings.Join(args, " "), "--listen") {
				args = append([]string{"--listen", "127.0.0.1:0"}, args...)
			}
			p := program.Prepare(binary, args...)
			if strings.Contains(test.name, "read-only") {
				unprivileged(p)
			}
			code := p.Start(t).Wait(t, patience)
			said := p.Stderr.String()
			if code != test.code || p.Stdout.String() != "" {
				t.Errorf("exit code %d, stdout %q, stderr:\n%s", code, p.Stdout.String(), said)
			}
			lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
			if want := map[int]int{failed: 1, usage: 2}[code]; len(lines) != want { // the second is where to find help
				t.Errorf("it says, in %d lines:\n%s", len(lines), said)
			}
			for _, words := range append(test.says, "pathsync: ") {
				if !strings.Contains(lines[0], words) {
					t.Errorf("it does not say %q:\n%s", words, said)
				}
			}
			for _, secret := range []string{"tiger", "goroutine", "PRAGMA"} {
				if strings.Contains(said, secret) {
					t.Errorf("it says %q:\n%s", secret, said)
				}
			}
		})
	}
}

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// PostgresPassword is the password of the started servers. Tests check that no error contains it.
const PostgresPassword = "a-secret-of-tests"

// PostgresServer is a server for one test.
type PostgresServer struct {
	DSN  string // postgres://…, the same after every Start
	Addr string // host:port

	bin, dir string
	launch   func(*exec.Cmd) error // starts the process
	servant  servant
	process  *exec.Cmd
	leash    io.WriteCloser // standard input of leashed
}

// initPostgres creates the data directory of a server in a temporary directory. The server listens on an address of the
// loopback interface, or of a network that launch can reach.
func initPostgres(host string, launch func(*exec.Cmd) error) (_ *PostgresServer, err error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	servant, err := findServant()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pathsync-postgres-")
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{bin: bin, dir: dir, servant: servant, launch: launch}
	defer func() {
		if err != nil {
			s.remove()
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.Addr = net.JoinHostPort(host, port)
	s.DSN = fmt.Sprintf("postgres://pathsync:%s@%s/postgres", PostgresPassword, s.Addr)
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(PostgresPassword), 0o600); err != nil {
		return nil, err
	}
	if err := s.servant.owns(dir, password); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", s.data(), "--username", "pathsync",
		"--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync")
	initdb.Dir = dir
	s.servant.runs(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, lastLine(out))
	}
	return s, s.admit(host)
}

// admit lets clients of other addresses connect to a server that is not on the loopback interface.
func (s *PostgresServer) admit(host string) error {
	if net.ParseIP(host).IsLoopback() {
		return nil
	}
	rules, err := os.OpenFile(filepath.Join(s.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = rules.WriteString("\nhost all all all scram-sha-256\n")
	return errors.Join(err, rules.Close())
}

// leashed is a script that runs a server until it reads a stop command from its standard input, or until that is closed
// because the test process has ended. In the latter case, the script removes the data.
const leashed = `dir=$1; shift
"$@" </dev/null & server=$!
read -r verb
kill -QUIT $server
wait $server
[ "$verb" = stop ] || rm -rf "$dir"`

// Start starts a stopped server, and returns when it accepts connections.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
}

func (s *PostgresServer) start() error {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	log, err := os.Create(s.log())
	if err != nil {
		return err
	}
	defer log.Close()
	// fsync is on, as in production.
	server := exec.Command("/bin/sh", "-c", leashed, "sh", s.dir, filepath.Join(s.bin, "postgres"), "-D", s.data(),
		"-c", "listen_addresses="+host, "-c", "port="+port, "-c", "unix_socket_directories=", "-c", "fsync=on")
	server.Dir, server.Stdout, server.Stderr = s.dir, log, log
	s.servant.runs(server)
	if s.leash, err = server.StdinPipe(); err != nil {
		return err
	}
	if err := s.launch(server); err != nil {
		return err
	}
	s.process = server
	return s.await()
}

// await returns when the server accepts connections.
func (s *PostgresServer) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", s.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			text, _ := os.ReadFile(s.log())
			return fmt.Errorf("%w; its log ends with: %s", err, lastLine(text))
		}
	}
}

// Stop kills the server, as in a crash. Start starts it again.
func (s *PostgresServer) Stop() {
	if s.process == nil {
		return
	}
	_, _ = io.WriteString(s.leash, "stop\n")
	_ = s.leash.Close()
	_ = s.process.Wait() // its status is that of a killed server
	s.process = nil
}

func (s *PostgresServer) remove() {
	s.Stop()
	_ = os.RemoveAll(s.dir)
}

func (s *PostgresServer) data() string { return filepath.Join(s.dir, "data") }
func (s *PostgresServer) log() string  { return filepath.Join(s.dir, "log") }

// findPostgres searches the directories in which Debian installs servers, and then PATH.
func findPostgres() (string, error) {
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(installed) > 0 {
		return filepath.Dir(slices.MaxFunc(installed, func(a, b string) int { return len(a) - len(b) })), nil
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(initdb), nil
	}
	return "", errors.New("none is installed (apt-get install postgresql)")
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

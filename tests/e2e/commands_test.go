package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// call runs a client command to its end.
func (s *server) call(stdin string, args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	p := s.command(stdin, args...).Start(s.t)
	code = p.Wait(s.t, patience)
	return code, p.Stdout.String(), p.Stderr.String()
}

// command prepares a client command for the server. Its output is not a terminal.
func (s *server) command(stdin string, args ...string) *program.Process {
	p := program.Prepare(binary, args...)
	p.Cmd.Stdin = strings.NewReader(stdin)
	p.Cmd.Env = append(p.Cmd.Env, "PATHSYNC_SERVER="+s.url)
	return p
}

func TestSetAndGetOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	const room = "a room/with ü"
	for i, test := range []struct {
		stdin  string
		args   []string
		code   int
		stdout string
	}{
		{"", []string{"set", room, "default", "title", `"Launch"`}, 0, "1 applied\n"},
		{`[{"_sync_id":"t1","done":false}]`, []string{"set", room, "default", "tasks", "-"}, 0, "2 applied\n"},
		{"", []string{"set", room, "default", "tasks[t1].done", "true"}, 0, "3 applied\n"},
		{"", []string{"set", room, "default", "tasks[t2].done", "true"}, 1, ""},
		{"", []string{"set", room, "default", "balance", "--", "-5.00"}, 0, "5 applied\n"},
	} {
		if code, stdout, stderr := s.call(test.stdin, test.args...); code != test.code || stdout != test.stdout {
			t.Errorf("call %d: exit %d, stdout %q, stderr %q", i+1, code, stdout, stderr)
		}
	}

	const want = `{"title":"Launch","tasks":[{"_sync_id":"t1","done":true}],"balance":-5.00}`
	escaped := "a%20room%2Fwith%20%C3%BC"
	for _, test := range []struct {
		args []string
		path string
	}{
		{[]string{"get", room}, "/v1/rooms/" + escaped},
		{[]string{"get", room, "default"}, "/v1/rooms/" + escaped + "/stores/default"},
	} {
		code, stdout, stderr := s.call("", test.args...)
		if body := string(s.get(test.path).body); code != 0 || stdout != body+"\n" || !strings.Contains(body, want) {
			t.Errorf("%v: exit %d, stdout %q, stderr %q, want %s", test.args, code, stdout, stderr, body)
		}
	}
	code, stdout, stderr := s.call("", "get", room, "nothing")
	if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "store_not_found") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestTheDoctorReportsNoFaultOfADirectConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	code, stdout, stderr := s.call("", "doctor", "--duration", "1s")
	if code != 0 || !strings.Contains(stdout, "all is well") || stderr != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestSetWaitsForAStoppedServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.set("board", "title", `"before"`)
	s.kill()
	p := s.command("", "set", "board", "default", "title", `"after"`).Start(t)
	p.Line(t, p.Stderr, "retrying")
	s.start()
	if code := p.Wait(t, patience); code != 0 || p.Stdout.String() != "2 applied\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, p.Stdout.String(), p.Stderr.String())
	}
}

func TestTailContinuesWithoutAGapAfterAKill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.set("board", "n", "1")
	tail := s.command("", "tail", "board").Start(t)
	tail.Line(t, tail.Stdout, "up-to-date")
	s.set("board", "n", "2")
	tail.Line(t, tail.Stdout, `"serverSeq":2,`)

	s.kill()
	tail.Line(t, tail.Stderr, "retrying")
	s.start()
	s.set("board", "n", "3") // most likely before tail has reconnected
	s.kill()
	s.start()
	s.set("board", "n", "4")
	tail.Line(t, tail.Stdout, `"serverSeq":4,`)
	tail.Signal(t, syscall.SIGTERM)
	if code := tail.Wait(t, patience); code != 0 {
		t.Errorf("exit %d, stderr %q", code, tail.Stderr.String())
	}

	epoch, at := s.snapshot("board").Epoch, int64(1)
	for line := range strings.Lines(tail.Stdout.String()) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 || !json.Valid([]byte(fields[2])) {
			t.Fatalf("%q is not a name, a position and JSON", line)
		}
		if fields[0] == "state" && at > 1 {
			t.Errorf("it restarted from whole state: %s", line)
		}
		if fields[0] == "delta" {
			at++
			if want := fmt.Sprintf("%s-%d", epoch, at); fields[1] != want {
				t.Errorf("got %s, want %s", fields[1], want)
			}
		}
	}
	if at != 4 {
		t.Errorf("it ended at %d:\n%s", at, tail.Stdout.String())
	}
}

func TestTailStartsAfterAnEvent(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for i := range 3 {
		s.set("board", "n", fmt.Sprint(i))
	}
	tail := s.command("", "tail", "board", "--client-id", "ann", "--after", s.snapshot("board").Epoch+"-2").Start(t)
	tail.Line(t, tail.Stdout, "up-to-date")
	if text := tail.Stdout.String(); !strings.HasPrefix(text, "delta\t") || strings.Count(text, "delta\t") != 1 {
		t.Errorf("it began with\n%s", text)
	}
	if present := s.users("board"); len(present) != 1 || present[0].ClientID != "ann" {
		t.Errorf("present are %+v", present)
	}
	s.stop() // ends the stream in order, and tail reconnects
	tail.Line(t, tail.Stdout, "reconnect\t")
	s.start()
	s.set("board", "n", "3")
	tail.Line(t, tail.Stdout, `"serverSeq":4,`)
}

func TestTailEndsWhenItIsReplaced(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	tail := s.command("", "tail", "board", "--client-id", "ann").Start(t)
	tail.Line(t, tail.Stdout, "up-to-date")
	s.read("board", "clientId=ann").begins()
	if code := tail.Wait(t, patience); code != 1 || !strings.Contains(tail.Stderr.String(), "stream_replaced") {
		t.Errorf("exit %d, stderr %q", code, tail.Stderr.String())
	}
}

package examples

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// client is an example client that runs.
type client struct {
	t       *testing.T
	process *program.Process
	input   io.WriteCloser
}

// eachClient runs a test with the command of each client.
func eachClient(t *testing.T, run func(t *testing.T, command []string)) {
	python, err := exec.LookPath("python3")
	script, _ := filepath.Abs("../../examples/python/client.py")
	for name, command := range map[string][]string{"Go": {goClient}, "Python": {python, script}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "Python" && err != nil {
				t.Skip("python3 is not installed")
			}
			run(t, command)
		})
	}
}

func startClient(t *testing.T, url string, command ...string) *client {
	t.Helper()
	return startClientWithToken(t, "", url, command...)
}

// startClientWithToken starts a client that reads its token from a file.
func startClientWithToken(t *testing.T, file, url string, command ...string) *client {
	t.Helper()
	p := program.Prepare(command[0], append(command[1:], url, room)...)
	if file != "" {
		p.Cmd.Env = append(p.Cmd.Env, "PATHSYNC_TOKEN_FILE="+file)
	}
	input, err := p.Cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, p.Start(t), input}
}

// send passes batches to the client: each is a list of operations.
func (c *client) send(batches ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.input, strings.Join(batches, "\n")+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// at waits until the client is at a position, and returns its document.
func (c *client) at(epoch string, serverSeq int64) any {
	c.t.Helper()
	id := fmt.Sprintf("%s-%d ", epoch, serverSeq)
	_, document, _ := strings.Cut(c.process.Line(c.t, c.process.Stdout, id), id)
	var state any
	if err := json.Unmarshal([]byte(document), &state); err != nil {
		c.t.Fatal(err)
	}
	return state
}

// finish ends the input. The client then ends when everything is acknowledged.
func (c *client) finish() {
	c.t.Helper()
	if err := c.input.Close(); err != nil {
		c.t.Fatal(err)
	}
	if code := c.process.Wait(c.t, patience); code != 0 {
		c.t.Errorf("%v ended with %d:\n%s", c.process.Cmd.Args, code, c.process.Stderr.String())
	}
}

// wait waits until a channel is closed.
func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it takes too long")
	}
}

// writeToken replaces the content of a client's token file.
func writeToken(t *testing.T, file, token string) {
	if err := os.WriteFile(file+".new", []byte(token+"\n"), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Error(err)
	}
}

const document = `[{"op":"init","path":"","value":{"title":"start","a":[{"_sync_id":"x"},{"_sync_id":"y.1"}],"b":[]}}]`

// edits have every operation, and paths with every kind of segment. They are 12 batches.
var edits = []string{
	`[{"op":"set","path":"deep.er.member","value":{"n":1}}]`,
	`[{"op":"set","path":"title.text","value":"an object instead of a string"}]`,
	`[{"op":"set","path":"dot\\.in\\[name\\]","value":[1,2]},{"op":"set","path":"dot\\.in\\[name\\]","value":null}]`,
	`[{"op":"array_add","path":"a","value":{"_sync_id":"z","list":[]},"after":"x"}]`,
	`[{"op":"array_add","path":"a[z].list","value":{"_sync_id":"n"}}]`,
	`[{"op":"set","path":"a[y\\.1].done","value":true}]`,
	`[{"op":"array_move","path":"a[z]","after":null}]`,
	`[{"op":"array_move","path":"a[x]","to":"new.list"}]`,
	`[{"op":"array_del","path":"a[y\\.1]"}]`,
	`[{"op":"delete","path":"deep.er"}]`,
	`[{"op":"array_move","path":"new.list[x]","to":"a","after":"z"}]`,
	`[{"op":"array_add","path":"a","value":{"_sync_id":"x","again":true}},{"op":"array_del","path":"a[nobody]"}]`,
}

func TestExampleClientsConvergeOverFaults(t *testing.T) {
	t.Parallel()
	eachClient(t, converge)
}

func converge(t *testing.T, command []string) {
	s := startServer(t)
	token := filepath.Join(t.TempDir(), "token")
	p := startProxy(t, s,
		answers(502, "text/html", "<h1>Bad Gateway</h1>"),
		func(w http.ResponseWriter, forward func(http.ResponseWriter)) {
			problem(401, "unauthenticated", false)(w, forward)
			writeToken(t, token, "renewed")
		},
		problem(429, "rate_limited", true),
		answers(403, "text/html", "<h1>Blocked</h1>"),
		losesAnswer,
		problem(409, "client_seq_passed", false),
		problem(409, "client_seq_reused", false),
		problem(503, "database_unavailable", true),
		answers(200, "text/html", "<h1>Please sign in</h1>"),
		answers(200, "application/json", `{"code":"LOGIN"}`),
		answers(200, "text/event-stream", "event: delta\n\n"),
		answers(307, "text/html", "<h1>Elsewhere</h1>"),
		answers(413, "text/html", "<h1>Request Entity Too Large</h1>"),
	)
	writeToken(t, token, "old")
	a, b := startClientWithToken(t, token, p.URL, command...), startClient(t, s.url(), command...)
	batches := int64(0)
	expect := func(after string) {
		t.Helper()
		epoch := s.get().Epoch
		states := []any{a.at(epoch, batches), b.at(epoch, batches)}
		is := s.get()
		if is.ServerSeq != batches {
			t.Fatalf("%s, the room is at %d, and %d batches were sent", after, is.ServerSeq, batches)
		}
		for _, state := range states {
			if !reflect.DeepEqual(state, is.State) {
				t.Errorf("%s, a client has\n%.2000v\nand the server has\n%.2000v", after, fmt.Sprint(state), fmt.Sprint(is.State))
			}
		}
	}

	b.send(document)
	batches++
	expect("at the beginning")
	a.send(edits...)
	a.send(`[{"op":"set","path":"half","value":1},{"op":"set","path":"other.half","value":2}]`)
	batches += int64(len(edits)) + 2
	expect("after requests that were refused or lost")
	if n := p.left(); n > 0 {
		t.Errorf("%d faults have not happened", n)
	}

	large := strings.Repeat("x", 600_000)
	b.send(`[{"op":"fly","path":"title"},{"op":"set","path":"kept","value":1}]`)
	b.send(fmt.Sprintf(`[{"op":"set","path":"l1","value":%q},{"op":"set","path":"l2","value":%[1]q}]`, large))
	b.send(`[{"op":"delete","path":"l1"},{"op":"delete","path":"l2"}]`)
	batches += 4
	b.process.Line(t, b.process.Stderr, "422 invalid_request")
	p.CloseClientConnections()
	expect("after a cut, a batch that was too large, and a batch with one wrong operation")

	halved := p.halve()
	for i := range 10 {
		a.send(fmt.Sprintf(`[{"op":"set","path":"a%d","value":%[1]d}]`, i))
		b.send(fmt.Sprintf(`[{"op":"set","path":"b%d","value":%[1]d}]`, i))
	}
	batches += 20
	wait(t, halved)
	s.process.Kill(t)
	s.start()
	expect("after a crash inside an event")

	s.replaceDatabase()
	b.send(document)
	batches = 1
	expect("with another epoch")
	a.process.Line(t, a.process.Stderr, "the history was replaced")
	a.finish()
	b.finish()
}

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSIGTERMSendsEachStreamItsReconnectDelay(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var readers []*reader
	for i := range 12 {
		r := s.read(fmt.Sprintf("room-%d", i%2), "")
		r.begins()
		readers = append(readers, r)
	}
	s.set("room-0", "n", "1")
	s.stop()

	afters := map[int64]bool{}
	for i, r := range readers {
		var goodbye struct{ AfterMs int64 }
		all := r.rest()
		last := all[len(all)-1]
		if err := json.Unmarshal(last.data, &goodbye); err != nil || last.name != "reconnect" {
			t.Fatalf("a stream ended with %s %s", last.name, last.data)
		}
		if goodbye.AfterMs < 0 || goodbye.AfterMs > 3000 {
			t.Errorf("the reconnect delay of a reader is %d ms", goodbye.AfterMs)
		}
		afters[goodbye.AfterMs] = true
		if i%2 == 0 && r.replica.seq != 1 {
			t.Errorf("a stream ended at %d, before the last batch", r.replica.seq)
		}
	}
	if len(afters) < len(readers)/2 {
		t.Errorf("%d readers have %d different reconnect delays", len(readers), len(afters))
	}
}

func TestSIGTERMWritesTheDocumentRows(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--server-batch-ms", "3600000") // not before the end
	s.set("board", "title", `"Launch"`)
	s.set("attic", "title", `"Boxes"`)
	s.stop()
	rows := readDocuments(t, s.file)
	for room, want := range map[string]string{"board": `{"title":"Launch"}`, "attic": `{"title":"Boxes"}`} {
		if err := differ(map[string]string{"default": want}, rows[room]); err != nil {
			t.Errorf("the document rows of %s: %v", room, err)
		}
	}
}

func TestSIGTERMLetsARunningPostEnd(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	body := batch{ClientID: "slow", ClientSeq: 1, Key: "default", Ops: []op{{Path: "title", Op: "set", Value: []byte(`"made it"`)}}}.encode()
	c := s.beginPost("board", len(body))
	c.say("%s", body[:20]) // the server waits for the rest
	s.process.Signal(t, syscall.SIGTERM)
	s.process.Line(t, s.process.Stderr, "shutting down")
	c.say("%s", body[20:])
	if r := c.readReply(); r.status != http.StatusOK {
		t.Errorf("the response is %d %s", r.status, r.body)
	}
	s.stopped()

	s.start()
	if got := s.snapshot("board"); string(got.Stores["default"].State) != `{"title":"made it"}` {
		t.Errorf("the acknowledged batch is missing: %+v", got)
	}
}

func TestSIGTERMUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	type outcome struct {
		taken int
		err   error
	}
	const writers = 4
	outcomes := make(chan outcome, writers)
	going := make(chan struct{}, writers)
	for i := range writers {
		go func() {
			w := &writer{room: "board", id: fmt.Sprint("writer-", i)}
			for {
				b := batch{ClientID: w.id, ClientSeq: int64(len(w.sent)) + 1, Key: "default",
					Ops: []op{{Path: w.id, Op: "set", Value: []byte(fmt.Sprint(len(w.sent) + 1))}}}
				a, err := s.api.post(t.Context(), w.room, b.encode())
				if err != nil {
					outcomes <- outcome{len(w.sent), err}
					return
				}
				if w.sent = append(w.sent, sentBatch{b, a}); len(w.sent) == 20 {
					going <- struct{}{}
				}
			}
		}()
	}
	for range writers {
		<-going
	}
	s.stop()

	taken := 0
	for range writers {
		o := <-outcomes
		taken += o.taken
		// A server that is shutting down either reports it or does not listen any more.
		if refused := new(problem); errors.As(o.err, &refused) && refused.Code != "shutting_down" {
			t.Errorf("a writer was answered %v", o.err)
		}
	}
	if logged := len(readLogs(t, s.file)["board"]); logged < taken || logged > taken+writers {
		t.Errorf("%d batches were answered with 200, and %d are logged", taken, logged)
	}
}

// stalledStream opens a stream that is never read, and fills its buffers.
func (s *server) stalledStream(room string) {
	s.t.Helper()
	s.stall(room, "clientId=stalled")
	eventually(s.t, func() error {
		if !strings.Contains(string(s.get("/v1/rooms/"+room+"/presence").body), `"stalled"`) {
			return errors.New("the stream is not open")
		}
		return nil
	})
	value := `"` + strings.Repeat("x", 1<<19) + `"`
	for range 24 { // more than the kernel buffers
		s.set(room, "big", value)
	}
}

func TestSIGTERMDoesNotWaitForIdleOrStalledConnections(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.stalledStream("board")
	idle := s.dial() // a keep-alive connection without a request
	idle.say("GET /healthz HTTP/1.1\r\nHost: e2e\r\n\r\n")
	idle.readReply()
	s.dial() // a connection without any request
	s.beginPost("board", 100).say("{")
	polled := make(chan error, 1)
	now := s.snapshot("board")
	go func() {
		_, err := s.changes(t.Context(), "board", fmt.Sprintf("%s-%d", now.Epoch, now.ServerSeq), 60)
		polled <- err
	}()
	started := time.Now()
	s.stop()
	t.Logf("it took %s", time.Since(started))
	<-polled
	if rows := readDocuments(t, s.file)["board"]; len(rows) != 1 {
		t.Errorf("there are %d document rows", len(rows))
	}
}

func TestASecondSIGTERMEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--server-batch-ms", "3600000")
	s.stalledStream("board") // delays an orderly shutdown
	want := s.snapshot("board")
	s.process.Signal(t, syscall.SIGTERM)
	s.process.Line(t, s.process.Stderr, "shutting down")
	eventually(t, func() error {
		_ = s.process.Cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.process.Exited():
			return nil
		default:
			return errors.New("it is still running")
		}
	})
	if state := s.process.Cmd.ProcessState; state.Success() || strings.Contains(s.process.Stderr.String(), "everything is saved") {
		t.Errorf("the shutdown was orderly: %v", state)
	}
	s.start()
	if got := s.snapshot("board"); got.ServerSeq != want.ServerSeq || differ(want.states(), got.states()) != nil {
		t.Errorf("the room was at %d before the end, and is at %d now", want.ServerSeq, got.ServerSeq)
	}
}

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// lines is a log that tests can read.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

// into sets the handler of the server's log.
func into(h slog.Handler) setting {
	return func(p *parts) {
		p.api.Log, p.hub.Log = slog.New(h), slog.New(h)
		p.http.ErrorLog = slog.NewLogLogger(h, slog.LevelDebug)
	}
}

// andRequests also logs every request.
func andRequests(h slog.Handler) setting { return func(p *parts) { p.api.AccessLog = slog.New(h) } }

// sendForgedText sends requests with text in everything that the server logs.
func sendForgedText(t *testing.T, s *server) {
	t.Helper()
	s.store.fail(errAway)
	for _, text := range []string{
		"a\nlevel=ERROR msg=forged", "a\r\n{\"msg\":\"forged\"}", "\x1b[2J\x1b[31mforged", "a\u2028forged", "a\u202egrof",
		`a" level=ERROR msg="forged`, "a\x00b", "a\u0085b", "%s%d%n", `{"msg":"forged"}`,
	} {
		e := encode(text)
		s.get("/v1/rooms/" + e)
		s.get("/v1/rooms/" + e + "/events?clientId=" + e + "&displayName=" + e)
		s.get("/v1/rooms/r/stores/" + e)
		s.put("/v1/rooms/"+e+"/presence/"+e, `{"displayName":`+quote(text)+`}`)
		s.ops(e, `{"op":"set","path":`+quote(text)+`,"value":`+quote(text)+`}`)
		s.get("/"+e, "User-Agent", "forged", "X-Forwarded-For", "forged")
		s.raw(t, "GET /"+text+" HTTP/1.1\r\nHost: x\r\nX-Request-Id: "+text+"\r\n\r\n")
	}
	s.store.recover()
}

func TestLogLineCannotBeForged(t *testing.T) {
	var log lines
	h := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s := start(t, into(h), andRequests(h))
	sendForgedText(t, s)
	all := log.all()
	if len(all) < 50 {
		t.Fatalf("only %d lines were logged", len(all))
	}
	for _, line := range all {
		if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\r\x00\x1b\u0085\u2028\u202e") || strings.Contains(line, " msg=forged") {
			t.Errorf("this is in the log: %q", line)
		}
	}
}

func TestJSONLogLineCannotBeForged(t *testing.T) {
	var log lines
	h := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s := start(t, into(h), andRequests(h))
	sendForgedText(t, s)
	all := log.all()
	if len(all) < 50 {
		t.Fatalf("only %d lines were logged", len(all))
	}
	for _, line := range all {
		var entry struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Msg == "forged" || strings.ContainsAny(line, "\r\x00\x1b") {
			t.Errorf("this is in the log: %q, %v", line, err)
		}
	}
}

// A disconnected client is not an event for operators.
func TestDisconnectedClientIsNotLoggedAsFailure(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		s.set("warm", "x", "1")
		s.store.fail(errAway)
		for range 20 {
			conn := s.raw(t, "POST /v1/rooms/warm/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n"+bodyOf(200))
			synctest.Wait()
			conn.Close()
			synctest.Wait()
			s.store.recover()
			time.Sleep(2 * time.Second)
			s.store.fail(errAway)
		}
	}, into(slog.NewTextHandler(&log, nil)))
	if text := strings.Join(log.all(), "\n"); strings.Contains(text, "a request failed") || !strings.Contains(text, "does not respond") {
		t.Errorf("the log has\n%s", text)
	}
}

// The message of a driver goes into the log. Clients get a code.
func TestResponsesContainNothingOfTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   problem.Code
	}{
		"away":    {errAway, 503, problem.DatabaseUnavailable},
		"refuses": {fmt.Errorf("%w: %w", core.ErrRejected, errAway), 422, problem.Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			inBubble(t, func(t *testing.T, s *server) {
				s.set("warm", "x", "1")
				s.store.fail(c.err)
				for _, a := range []answer{
					s.get("/v1/rooms/cold"), s.get("/v1/rooms/cold/events"), s.get("/v1/rooms/cold/changes"), s.get("/readyz"),
					s.ops("warm", `{"op":"delete","path":"x"}`),
					s.post("/v1/rooms/warm/ops", `{"clientId":"bob","clientSeq":1,"key":"k","ops":[{"op":"delete","path":"x"}]}`),
				} {
					if a.status < 500 && a.status != c.status {
						t.Errorf("%s: status %d", a.what, a.status)
					}
					hidesDatabase(t, a.problem(a.status, parseProblem(t, a.body).Code))
					if header := fmt.Sprint(a.header); strings.Contains(header, secret) {
						t.Errorf("%s: %s", a.what, header)
					}
				}
				s.ops("warm", `{"op":"delete","path":"x"}`).problem(c.status, c.code)
			}, into(slog.NewTextHandler(&log, nil)))
			if text := strings.Join(log.all(), "\n"); !strings.Contains(text, secret) {
				t.Errorf("the log does not have the error: %s", text)
			}
		})
	}
}

// panickingStore panics when it reads a client's last batch.
type panickingStore struct{ core.Store }

func (panickingStore) LastClientSeq(context.Context, string, string) (int64, error) { panic(secret) }

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	var log lines
	s := start(t, func(p *parts) { p.store = panickingStore{memstore.New()} }, into(slog.NewTextHandler(&log, nil)))
	s.harmless(t, func() {
		hidesDatabase(t, s.post("/v1/rooms/target/ops", `{"clientId":"ada","clientSeq":1,"key":"k","ops":[{"op":"delete","path":"x"}]}`).
			problem(500, problem.Internal))
	})
	if all := log.all(); len(all) != 1 || !strings.Contains(all[0], secret) || !strings.Contains(all[0], "stack=") {
		t.Errorf("the log has %q", all)
	}
}

package examples

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

const (
	room     = "boards/7" // the slash has to be escaped
	roomPath = "/v1/rooms/boards%2F7"
	patience = 30 * time.Second
)

// server is a server whose address stays the same over restarts.
type server struct {
	t       *testing.T
	address string
	file    string // of the database
	process *program.Process
}

func startServer(t *testing.T) *server {
	s := &server{t: t, address: program.FreeAddress(t), file: filepath.Join(t.TempDir(), "rooms.db")}
	s.start()
	return s
}

func (s *server) url() string { return "http://" + s.address }

func (s *server) start() {
	s.t.Helper()
	s.process = program.Start(s.t, "", nil, serverBinary, "serve", "--listen", s.address, "--database", "sqlite:"+s.file)
	s.process.Line(s.t, s.process.Stderr, `msg="pathsync is ready"`)
}

// replaceDatabase ends the server in an orderly way and starts it with an empty database, so with another epoch.
func (s *server) replaceDatabase() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGTERM)
	if code := s.process.Wait(s.t, patience); code != 0 {
		s.t.Fatalf("the server ended with %d:\n%s", code, s.process.Said())
	}
	if err := os.Rename(s.file, s.file+".old"); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// position is a position of the room, with the document `default` there.
type position struct {
	Epoch     string
	ServerSeq int64
	State     any
}

func (s *server) get() position {
	s.t.Helper()
	resp, err := http.Get(s.url() + roomPath)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var is struct {
		position
		Stores struct{ Default struct{ State any } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&is); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatal(resp.Status, err)
	}
	is.State = is.Stores.Default.State
	return is.position
}

// proxy forwards requests to a server. Every other batch does not arrive there, or its answer does not arrive here.
type proxy struct {
	*httptest.Server
	mu     sync.Mutex
	posts  int
	faults []fault // the next ones
}

// fault is what happens to a batch. forward passes it to the server.
type fault func(w http.ResponseWriter, forward func(http.ResponseWriter))

// answers is an answer in place of the server's.
func answers(status int, contentType, body string) fault {
	return func(w http.ResponseWriter, _ func(http.ResponseWriter)) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func problem(status int, code string, retryable bool) fault {
	body, _ := json.Marshal(map[string]any{"status": status, "code": code, "retryable": retryable})
	return answers(status, "application/problem+json", string(body))
}

// losesAnswer lets the batch arrive.
func losesAnswer(_ http.ResponseWriter, forward func(http.ResponseWriter)) {
	forward(httptest.NewRecorder())
	panic(http.ErrAbortHandler)
}

func startProxy(t *testing.T, s *server, faults ...fault) *proxy {
	target, err := url.Parse(s.url())
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{faults: faults}
	quiet := log.New(io.Discard, "", 0)
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog = quiet
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.nextFault(r); f != nil {
			f(w, func(w http.ResponseWriter) { forward.ServeHTTP(w, r) })
			return
		}
		forward.ServeHTTP(w, r)
	}))
	p.Config.ErrorLog = quiet
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
	})
	return p
}

func (p *proxy) nextFault(r *http.Request) (f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method != http.MethodPost {
		return nil
	}
	if p.posts++; p.posts%2 == 0 || len(p.faults) == 0 {
		return nil
	}
	f, p.faults = p.faults[0], p.faults[1:]
	return f
}

// left returns how many faults have not happened.
func (p *proxy) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.faults)
}

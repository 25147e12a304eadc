package examples

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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
	flags   []string
	token   string // for get; "": none
	process *program.Process
}

func startServer(t *testing.T, flags ...string) *server {
	s := &server{t: t, address: program.FreeAddress(t), file: filepath.Join(t.TempDir(), "rooms.db"), flags: flags}
	s.start()
	return s
}

func (s *server) url() string { return "http://" + s.address }

func (s *server) start() {
	s.t.Helper()
	args := append([]string{"serve", "--listen", s.address, "--database", "sqlite:" + s.file}, s.flags...)
	s.process = program.Start(s.t, "", nil, serverBinary, args...)
	s.process.Line(s.t, s.process.Stderr, `msg="pathsync is ready"`)
}

// stop ends the server in an orderly way.
func (s *server) stop() {
	s.t.Helper()
	s.process.Signal(s.t, syscall.SIGTERM)
	if code := s.process.Wait(s.t, patience); code != 0 {
		s.t.Fatalf("the server ended with %d:\n%s", code, s.process.Said())
	}
}

// replaceDatabase starts the server again with an empty database, so with another epoch.
func (s *server) replaceDatabase() {
	s.t.Helper()
	s.stop()
	s.move(s.file, s.file+".old")
	s.start()
}

// backUp copies the database. The server is stopped.
func (s *server) backUp() (copied string) {
	s.t.Helper()
	copied = s.file + ".copy"
	content, err := os.ReadFile(s.file)
	if err == nil {
		err = os.WriteFile(copied, content, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return copied
}

// restore puts a copy in place of the database, as docs/run/backup.md describes it. The server is stopped.
func (s *server) restore(copied string) {
	s.t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
	s.move(copied, s.file)
	p := program.Start(s.t, "", nil, serverBinary, "epoch", "rotate", "--database", "sqlite:"+s.file)
	if code := p.Wait(s.t, patience); code != 0 {
		s.t.Fatalf("the epoch is not rotated: %s", p.Said())
	}
}

func (s *server) move(from, to string) {
	s.t.Helper()
	if err := os.Rename(from, to); err != nil {
		s.t.Fatal(err)
	}
}

// position is a position of the room, with the document `default` there.
type position struct {
	Epoch     string
	ServerSeq int64
	State     any
}

func (s *server) get() position {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.url()+roomPath, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := http.DefaultClient.Do(req)
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

// proxy forwards requests to a server.
type proxy struct {
	*httptest.Server
	answers chan answer // of the server to batches and to refused streams

	mu           sync.Mutex
	posts        int
	unauthorized int           // answers with 401
	faults       []fault       // of the next batches: every other one has a fault
	blocked      bool          // streams have a page for an answer
	halved       chan struct{} // closed when half of a delta has been passed on, and nothing more of that stream; nil: no stream is halved
}

type answer struct {
	method string
	status int
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

// quiet is the log of servers whose connections are cut on purpose.
var quiet = log.New(io.Discard, "", 0)

func startProxy(t *testing.T, s *server, faults ...fault) *proxy {
	target, err := url.Parse(s.url())
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{faults: faults, answers: make(chan answer, 1000)}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog, forward.ModifyResponse = quiet, p.seen
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
		if p.blocked {
			return answers(502, "text/html", "<h1>Bad Gateway</h1>")
		}
		return nil
	}
	if p.posts++; p.posts%2 == 0 || len(p.faults) == 0 {
		return nil
	}
	f, p.faults = p.faults[0], p.faults[1:]
	return f
}

// block ends all streams and refuses new ones, until it is called with false. Batches still pass.
func (p *proxy) block(blocked bool) {
	p.mu.Lock()
	p.blocked = blocked
	p.mu.Unlock()
	if blocked {
		p.CloseClientConnections()
	}
}

// halve cuts the next delta of any stream.
func (p *proxy) halve() (done <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halved = make(chan struct{})
	return p.halved
}

func (p *proxy) seen(resp *http.Response) error {
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		resp.Body = &halvable{resp.Body, p, false}
		return nil
	}
	p.answers <- answer{resp.Request.Method, resp.StatusCode}
	if resp.StatusCode == http.StatusUnauthorized {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.unauthorized++
	}
	return nil
}

// await waits until the server has given answers, in any order. Others are ignored.
func (p *proxy) await(t *testing.T, want ...answer) {
	t.Helper()
	limit := time.After(patience)
	for len(want) > 0 {
		select {
		case got := <-p.answers:
			if i := slices.Index(want, got); i >= 0 {
				want = slices.Delete(want, i, i+1)
			}
		case <-limit:
			t.Fatalf("there are no answers %v", want)
		}
	}
}

// halvable is the body of a stream.
type halvable struct {
	io.ReadCloser
	proxy  *proxy
	halved bool
}

func (h *halvable) Read(b []byte) (int, error) {
	n, err := h.ReadCloser.Read(b)
	if h.halved {
		return 0, err
	}
	h.proxy.mu.Lock()
	defer h.proxy.mu.Unlock()
	if h.proxy.halved == nil || !bytes.Contains(b[:n], []byte("event: delta")) {
		return n, err
	}
	close(h.proxy.halved)
	h.proxy.halved, h.halved = nil, true
	return n / 2, err
}

// refusedTokens returns how many answers of the server were 401.
func (p *proxy) refusedTokens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unauthorized
}

// left returns how many faults have not happened.
func (p *proxy) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.faults)
}

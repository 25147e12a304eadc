package httpapi

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Front answers for a server that is not there yet, because it waits for its database: /healthz is 200, and everything else
// is 503 `database_unavailable`, which clients repeat. Once there is a Server, it answers. A Front is safe for concurrent use.
type Front struct {
	origins Origins
	server  atomic.Pointer[Server]

	mu          sync.Mutex // held by what happens before there is a Server
	connections int64      // open until then
}

// NewFront makes a Front. Pages of origins can read its answers, as they can the server's.
func NewFront(origins Origins) *Front { return &Front{origins: origins} }

// Set has a server answer from now on.
func (f *Front) Set(s *Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.connections.Add(f.connections)
	f.server.Store(s)
}

// ConnState counts the connections of an http.Server, whose ConnState it is to be. Those that are open when there is a
// Server become the Server's.
func (f *Front) ConnState(conn net.Conn, state http.ConnState) {
	if s := f.server.Load(); s != nil {
		s.ConnState(conn, state)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s := f.server.Load(); {
	case s != nil:
		s.ConnState(conn, state)
	case state == http.StateNew:
		f.connections++
	case state == http.StateHijacked, state == http.StateClosed:
		f.connections--
	}
}

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s := f.server.Load(); s != nil {
		s.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", requestID(r))
	f.origins.share(h, r)
	switch {
	case f.origins.preflight(w, r):
	case r.URL.Path == "/healthz" && r.Method == http.MethodGet:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", noStore)
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // the client may be gone
	default:
		problem(DatabaseUnavailable, "the server is starting and waits for its database").write(w)
	}
}

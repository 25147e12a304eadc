package httpapi

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// Front answers requests until there is a Server, which needs an open database: /healthz is 200, everything else is 503
// `database_unavailable`, which clients retry. Then it passes requests to the Server. It is safe for concurrent use.
type Front struct {
	origins origin.Allowed
	server  atomic.Pointer[Server]

	mu          sync.Mutex
	connections int64 // before there is a Server
}

// NewFront makes a Front. Pages of allowed origins can read its responses.
func NewFront(origins origin.Allowed) *Front { return &Front{origins: origins} }

// Set passes all further requests to a server.
func (f *Front) Set(s *Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.connections.Add(f.connections)
	f.server.Store(s)
}

// Server returns the server, and nil before Set.
func (f *Front) Server() *Server { return f.server.Load() }

// ConnState counts connections, those before Set for the later Server. It is the function http.Server.ConnState.
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
	setCommonHeaders(h, requestID(r))
	f.origins.SetHeaders(h, r)
	switch {
	case f.origins.Preflight(w, r):
	case r.URL.Path == "/healthz" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.Set("Content-Type", jsonContentType)
		h.Set("Cache-Control", noStore)
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // an error means that the client has disconnected
	default:
		problem.New(problem.DatabaseUnavailable, "the server is starting and waits for its database").Write(w)
	}
}

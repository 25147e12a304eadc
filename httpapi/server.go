package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/budget"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/ticket"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/pace"
)

// Config configures a Server. Zero values are the defaults named.
type Config struct {
	Hub   core.Config // Store is required; New sets Listen
	Feeds feed.Config
	Log   *slog.Logger // default: none

	// Auth authenticates requests. Default: none; then every client is anonymous and has every permission.
	Auth Authenticator

	// PublicRooms are readable without a token, also by shared caches. This applies to documents and batches. A stream
	// also shows who is present, so it needs a token.
	PublicRooms []access.Pattern

	AccessLog      *slog.Logger // receives a line for each request; default: none
	Metrics        Metrics      // receives measurements; default: none
	MetricsHandler http.Handler // serves /metrics; default: 404

	MaxBodyBytes int           // 1 MiB
	MaxOps       int           // of one batch; 1000
	MaxDepth     int           // nesting of one JSON value; 64
	BodyTimeout  time.Duration // maximum time without a byte of a body; pace.Patience

	Origins origin.Allowed // origins whose pages may use the API, besides the server's own; default: none
	Limits  limit.Config   // default: none

	// LocalOnly is for a server without authentication that only this machine can reach. The API then answers only requests
	// whose host is an IP address, localhost, or the host of one of Origins.
	LocalOnly bool
}

// WithDefaults returns cfg with the defaults in place of zero values, also in Hub and Feeds.
func (cfg Config) WithDefaults() Config {
	cfg.Hub, cfg.Feeds = cfg.Hub.WithDefaults(), cfg.Feeds.WithDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = noMetrics{}
	}
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = 1 << 20
	}
	if cfg.MaxOps == 0 {
		cfg.MaxOps = 1000
	}
	if cfg.MaxDepth == 0 {
		cfg.MaxDepth = 64
	}
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = pace.Patience
	}
	return cfg
}

func (cfg Config) bodyLimits() wire.Limits {
	return wire.Limits{MaxBytes: cfg.MaxBodyBytes, MaxOps: cfg.MaxOps, MaxDepth: cfg.MaxDepth}
}

// Server serves the API. It is an http.Handler.
type Server struct {
	cfg        Config
	hub        *core.Hub
	feeds      *feed.Set
	router     http.Handler
	protection *origin.Protection
	limits     *limit.Limits
	tickets    *ticket.Store
	connecting *keyedMutex // by client id
	intake     *budget.Intake
	documents  *budget.Documents
	decoding   budget.Decoding
	probes     chan struct{} // a semaphore

	started     time.Time
	requests    atomic.Int64    // requests that are being handled
	connections atomic.Int64    // connections that are not hijacked
	anonymous   access.Identity // of requests to a server without authentication
	closing     context.Context // ends with Drain
	drain       context.CancelFunc
}

// New makes a server with a hub of its own and starts the hub's goroutines. To stop it, call Drain, then Wait, then Close of
// Hub.
func New(cfg Config) *Server {
	cfg = cfg.WithDefaults()
	feeds := feed.NewSet(cfg.Feeds)
	cfg.Hub.Listen = feeds.Listen
	s := &Server{
		cfg: cfg, hub: core.NewHub(cfg.Hub), feeds: feeds, protection: origin.NewProtection(cfg.Origins),
		limits: limit.New(cfg.Limits, cfg.Log), tickets: ticket.NewStore(), connecting: newKeyedMutex(),
		intake: budget.NewIntake(), documents: budget.NewDocuments(), decoding: budget.NewDecoding(),
		probes: make(chan struct{}, maxProbes), anonymous: access.Unrestricted(), started: time.Now(),
	}
	s.hub.CountMemory(s.memory)
	s.answerOthers()
	s.closing, s.drain = context.WithCancel(context.Background())
	s.router = newRouter(s.routes(), s.fail)
	return s
}

// ServeHTTP answers one request. It sets the headers of all responses, and measures and logs the request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp := s.newResponse(w, r)
	defer resp.handled()
	setCommonHeaders(w.Header(), resp.entry.id)
	s.serve(resp, r)
}

// setCommonHeaders sets the headers of all responses.
func setCommonHeaders(h http.Header, requestID string) {
	h["Content-Security-Policy"] = responsePolicy
	h["Referrer-Policy"] = referrerPolicy
	h["X-Content-Type-Options"] = noSniff
	h["X-Request-Id"] = []string{requestID}
}

// responsePolicy is the policy of responses that are not pages: opened in a browser, they load nothing and cannot be framed.
// Pages have their own policies.
var responsePolicy = []string{"default-src 'none'; frame-ancestors 'none'"}

var (
	referrerPolicy = []string{"same-origin"} // with no-referrer, pages would not send Origin here
	noSniff        = []string{"nosniff"}
)

// serve answers a request, with problem.Internal when the handler panics.
func (s *Server) serve(w *response, r *http.Request) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			s.cfg.Log.Error("a handler panicked", "request", w.entry.id, "method", r.Method, "path", r.URL.Path,
				"panic", v, "stack", string(debug.Stack()))
			w.problem(problem.New(problem.Internal, ""))
		}
	}()
	s.cfg.Origins.SetHeaders(w.Header(), r)
	if s.cfg.Origins.Preflight(w, r) {
		return
	}
	if r.ContentLength != 0 {
		w.request.body.begin(w, r, s.cfg.BodyTimeout)
	}
	if err := s.admit(w.request); err != nil {
		w.problem(problem.From(err))
		return
	}
	s.router.ServeHTTP(w, r)
}

// admit makes the checks that do not depend on the route.
func (s *Server) admit(r *request) error {
	if s.cfg.LocalOnly {
		if err := s.cfg.Origins.CheckRebinding(r.Request); err != nil {
			return err
		}
	}
	if err := s.protection.Check(r.Request); err != nil {
		return err
	}
	if err := s.limits.CountAddress(&r.sender); err != nil || s.cfg.Auth != nil { // with Auth, identify counts the user
		return err
	}
	return s.limits.CountUser(&r.sender)
}

// requestID returns the id of a request: the X-Request-Id that it has, if it is short and harmless, or else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id != "" && len(id) <= 64 && strings.Trim(id, requestIDCharacters) == "" {
		return id
	}
	return uuid.NewString()
}

const requestIDCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"

// fail answers with the problem of an error, unless the response has begun.
func (s *Server) fail(w *response, r *http.Request, err error) {
	if w.begun() {
		return
	}
	p := problem.From(err)
	if p.Status >= 500 && r.Context().Err() == nil { // if it has ended, the client has disconnected, and the error follows from that
		s.cfg.Log.Warn("a request failed", "request", w.entry.id, "method", r.Method, "path", r.URL.Path, "code", p.Code, "error", err)
	}
	w.problem(p)
}

// Drain ends every stream with `reconnect`, and every long-poll with a response. It does not wait.
func (s *Server) Drain() {
	s.drain()
	s.feeds.Close()
}

// Wait returns when every stream has ended, or when ctx ends.
func (s *Server) Wait(ctx context.Context) error { return s.feeds.Wait(ctx) }

// Hub returns the hub of the server.
func (s *Server) Hub() *core.Hub { return s.hub }

// FeedStats returns the current feeds and streams.
func (s *Server) FeedStats() feed.Stats { return s.feeds.Stats() }

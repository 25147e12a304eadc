package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/pace"
)

// Config is what a Server needs. Zero values stand for the defaults named.
type Config struct {
	Hub   core.Config // Store is required; New sets Listen
	Feeds FeedsConfig
	Log   *slog.Logger // default: none

	Auth Authenticator // finds out who sends a request; nil: nobody is asked, and anybody may do anything

	// PublicRooms are those that everybody may read without a token, and shared caches with them. It is for documents and
	// batches: a stream also tells who is present, and needs a token there too.
	PublicRooms []access.Pattern

	AccessLog *slog.Logger // gets a line for each request; default: none
	Recorder  Recorder     // measures; default: nobody does
	Metrics   http.Handler // answers at /metrics; default: there is no such address

	MaxBodyBytes int           // 1 MiB
	MaxOps       int           // of one batch; 1000
	MaxDepth     int           // nesting of one JSON value; 64
	BodyTimeout  time.Duration // longest time in which no byte of a body arrives; pace.Patience

	Origins Origins // whose pages may use the API besides the server's own; none
	Limits  Limits  // of what one party may have; none

	// LocalOnly is for a server that asks nobody who he is, because only this machine can reach it. The API then answers
	// only requests for an address, for localhost, or for the host of one of Origins.
	LocalOnly bool
}

// Server answers the requests of version 1 of the API. It is an http.Handler.
type Server struct {
	cfg         Config
	hub         *core.Hub
	feeds       *Feeds
	echo        *echo.Echo
	crossOrigin *http.CrossOriginProtection
	limits      *limits
	tickets     *tickets
	turns       *turns
	intake      *intake
	versions    *versions
	decoding    decoding
	requests    atomic.Int64    // under way
	connections atomic.Int64    // that are not streams
	probes      chan struct{}   // holds a token for each that is under way
	closing     context.Context // ends when long-polls are to come back at once
	drain       context.CancelFunc
}

// WithDefaults returns cfg with the defaults in place of zero values, in Hub and Feeds too.
func (cfg Config) WithDefaults() Config {
	cfg.Hub, cfg.Feeds = cfg.Hub.WithDefaults(), cfg.Feeds.withDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Recorder == nil {
		cfg.Recorder = nopRecorder{}
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

// New makes a server with a hub of its own and starts the hub's goroutines. To end it, call Drain, then Wait, then Close
// of Hub.
func New(cfg Config) *Server {
	cfg = cfg.WithDefaults()
	feeds := newFeeds(cfg.Feeds)
	cfg.Hub.Listen = feeds.Listen
	s := &Server{
		cfg: cfg, hub: core.NewHub(cfg.Hub), feeds: feeds, echo: echo.New(), crossOrigin: cfg.Origins.protection(),
		limits: newLimits(cfg.Limits, cfg.Log), tickets: newTickets(), turns: newTurns(),
		intake: newIntake(), versions: newVersions(maxVersions), decoding: newDecoding(),
		probes: make(chan struct{}, maxProbes),
	}
	s.hub.CountMemory(s.memory)
	s.closing, s.drain = context.WithCancel(context.Background())
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.IPExtractor = echo.ExtractIPDirect()
	for _, r := range s.routes() {
		s.echo.Add(r.method, r.path, r.named())
	}
	return s
}

// route is one row of the API. Its path is in echo's notation.
type route struct {
	method, path string
	handle       echo.HandlerFunc
}

func (s *Server) routes() []route {
	return []route{
		{http.MethodPost, "/v1/rooms/:room/ops", s.inRoom(access.Write, s.postOps)},
		{http.MethodGet, "/v1/rooms/:room/events", s.byTicket(roomInPath, s.getEvents)},
		{http.MethodGet, "/v1/events", s.byTicket(queryRooms, s.getEventsOfRooms)},
		{http.MethodPost, "/v1/rooms/:room/events/:clientId/token", s.known(s.postToken)},
		{http.MethodGet, "/v1/rooms/:room", s.inReadableRoom(s.getRoom)},
		{http.MethodGet, "/v1/rooms/:room/stores/:key", s.inReadableRoom(s.getStore)},
		{http.MethodGet, "/v1/rooms/:room/changes", s.inReadableRoom(s.getChanges)},
		{http.MethodHead, "/v1/rooms/:room/changes", s.inReadableRoom(s.getChanges)},
		{http.MethodGet, "/v1/rooms/:room/presence", s.inRoom(access.Read, s.getPresence)},
		{http.MethodPut, "/v1/rooms/:room/presence/:clientId", s.inRoom(access.Presence, s.putPresence)},
		{http.MethodPost, "/v1/rooms/:room/presence/:clientId", s.inRoom(access.Presence, s.putPresence)},
		{http.MethodDelete, "/v1/rooms/:room/presence/:clientId", s.inRoom(access.Presence, s.leave)},
		{http.MethodPost, "/v1/rooms/:room/presence/:clientId/leave", s.inRoom(access.Presence, s.leave)},
		{http.MethodPost, "/v1/tickets", s.known(s.postTicket)},
		{http.MethodGet, "/v1/probe", s.getProbe},
		{http.MethodPost, "/v1/probe/:name", s.postProbe},
		{http.MethodGet, "/healthz", s.getHealth},
		{http.MethodGet, "/readyz", s.getReady},
		{http.MethodGet, "/metrics", s.getMetrics},
		{http.MethodGet, "/openapi.yaml", s.getContract},
		{http.MethodGet, "/docs", s.getDocs},
		{http.MethodGet, "/docs/*", s.getDocs},
		{http.MethodGet, "/", s.getPlayground},
		{http.MethodHead, "/", s.getPlayground},
		{http.MethodGet, "/assets/*", s.getAsset},
		{http.MethodHead, "/assets/*", s.getAsset},
	}
}

// name is the route as `METHOD /path/{parameter}`.
func (r route) name() string {
	segments := strings.Split(r.path, "/")
	for i, segment := range segments {
		if name, ok := strings.CutPrefix(segment, ":"); ok {
			segments[i] = "{" + name + "}"
		}
	}
	return r.method + " " + strings.Join(segments, "/")
}

// named has the exchange know which route it takes.
func (r route) named() echo.HandlerFunc {
	name := r.name()
	return func(c echo.Context) error {
		exchangeOf(c.Response()).route = name
		return r.handle(c)
	}
}

// Routes returns what the server offers, as `METHOD /path/{parameter}`.
func (s *Server) Routes() []string {
	routes := s.routes()
	out := make([]string, 0, len(routes))
	for _, r := range routes {
		out = append(out, r.name())
	}
	return out
}

// ServeHTTP answers one request. It sets what every answer has, and measures and logs the exchange.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withCaller(r)
	x := s.begin(w, r)
	defer x.handled()
	h := w.Header()
	h.Set("Content-Security-Policy", answerPolicy)
	h.Set("Referrer-Policy", "same-origin") // no-referrer would take the Origin from what pages send here
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", x.id)
	s.guard(x, r)
}

// answerPolicy is the policy of answers that are no pages: opened in a browser, they load nothing and stand in no frame.
// Pages have policies of their own.
const answerPolicy = "default-src 'none'; frame-ancestors 'none'"

// guard turns a panic into a problem.
func (s *Server) guard(x *exchange, r *http.Request) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			s.cfg.Log.Error("a handler has panicked", "request", x.id, "method", r.Method, "path", r.URL.Path,
				"panic", v, "stack", string(debug.Stack()))
			problem(Internal, "").write(x)
		}
	}()
	s.cfg.Origins.share(x.Header(), r)
	if s.cfg.Origins.preflight(x, r) {
		return
	}
	if r.ContentLength != 0 {
		setBodyDeadline(x, time.Now().Add(s.cfg.BodyTimeout))
	}
	if err := s.admit(r); err != nil {
		problemOf(err).write(x)
		return
	}
	s.echo.ServeHTTP(x, r)
}

// admit says why a request is refused before anybody looks at what it wants.
func (s *Server) admit(r *http.Request) error {
	checks := []func(*http.Request) error{s.checkHost, s.checkOrigin, s.limits.byAddress}
	if s.cfg.Auth == nil { // otherwise who the user is comes to light later; see identify
		checks = append(checks, s.limits.byUser)
	}
	for _, check := range checks {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}

// requestID is the id that the request came with, if it is a sane one, and otherwise a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	sane := id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(c rune) bool {
		return notAlphanumeric(c) && !strings.ContainsRune("-_.:", c)
	})
	if sane {
		return id
	}
	return uuid.NewString()
}

// answerError answers what a handler returned as an error.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	w, r := c.Response(), c.Request()
	var he *echo.HTTPError
	var p *Problem
	switch {
	case errors.As(err, &he) && he.Code == http.StatusNotFound:
		p = problem(RouteNotFound, "")
	case errors.As(err, &he) && he.Code == http.StatusMethodNotAllowed:
		p = problem(MethodNotAllowed, "")
	default:
		p = problemOf(err)
	}
	if p.Status >= 500 && r.Context().Err() == nil { // otherwise the client has gone away, and nobody has failed
		s.cfg.Log.Warn("a request failed", "request", w.Header().Get("X-Request-Id"), "method", r.Method,
			"path", r.URL.Path, "code", p.Code, "error", err)
	}
	p.write(w)
}

// Drain tells every stream to reconnect elsewhere or later, and every long-poll to come back. It does not wait.
func (s *Server) Drain() {
	s.drain()
	s.feeds.Close()
}

// Wait returns when every stream has ended, or when ctx ends.
func (s *Server) Wait(ctx context.Context) error { return s.feeds.Wait(ctx) }

// Hub returns the hub of the rooms that the server answers for.
func (s *Server) Hub() *core.Hub { return s.hub }

// FeedStats returns what streams and feeds there are now.
func (s *Server) FeedStats() FeedStats { return s.feeds.Stats() }

// room returns the room that the request names, and a function that releases it. Claims are the positions in it that
// the request names: if they show that the database has lost batches, the room is of the history that follows.
func (s *Server) room(c echo.Context, claims ...eventID) (room *core.Room, release func(), err error) {
	name, err := pathName(c, "room", core.MaxRoomLength)
	if err != nil {
		return nil, nil, err
	}
	if len(claims) == 0 {
		return s.roomNamed(c, name)
	}
	err = s.inOneHistory(c, func() error {
		if room, release, err = s.roomNamed(c, name); err != nil {
			return err
		}
		for _, id := range claims {
			if err = reached(c, room, id); err != nil {
				release()
				return err
			}
		}
		return nil
	})
	return room, release, err
}

// reached fails with core.ErrHistoryChanged when a position proves that the database has lost batches. That the database
// cannot be asked is no failure: a reader is answered from memory then.
func reached(c echo.Context, room *core.Room, id eventID) error {
	if id.epoch != room.Epoch() {
		return nil
	}
	if err := room.CheckPosition(c.Request().Context(), id.seq); errors.Is(err, core.ErrHistoryChanged) {
		return err
	}
	return nil
}

// historyPatience is how long a reader waits for the database to be opened again when its history has changed.
const historyPatience = 3 * time.Second

// inOneHistory calls enter once more when the history of the database has changed during the first call.
func (s *Server) inOneHistory(c echo.Context, enter func() error) error {
	err := enter()
	if !errors.Is(err, core.ErrHistoryChanged) {
		return err
	}
	ctx, cancel := s.waitContext(c.Request().Context(), historyPatience)
	defer cancel()
	s.hub.WaitReopened(ctx)
	return enter()
}

// roomNamed is room for those whose name is not in the path.
func (s *Server) roomNamed(c echo.Context, name string) (*core.Room, func(), error) {
	return s.hub.Room(c.Request().Context(), name, s.limits.accounts(c.Request())...)
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/pathsync/pathsync/bus"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/metrics"
)

// ShutdownTimeout is the longest time that a shutdown takes: 9 s, less than the 10 s that supervisors usually grant.
const ShutdownTimeout = handOverTimeout + drainTimeout + closeTimeout

const (
	handOverTimeout = time.Second
	drainTimeout    = 4 * time.Second // for requests and streams
	closeTimeout    = 4 * time.Second // for batches and documents that are not saved
)

// Server is a pathsync server. After New, call either Serve, or Open and, if it succeeds, Shutdown. Call each at most once.
// Handler can be called at any time.
type Server struct {
	cfg     Config
	front   *httpapi.Front
	api     httpapi.Config // without the store
	metrics *metrics.Metrics

	// Set by Open.
	store  core.Store
	bus    *bus.Bus // nil: there are no other servers
	server *httpapi.Server
}

// New validates cfg and reads its key files. It opens no connection, database or port. An error about cfg is a
// *ConfigError.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, metrics: metrics.New()}
	api, err := cfg.api(s.metrics)
	if err != nil {
		return nil, err
	}
	s.api, s.front = api, httpapi.NewFront(api.Origins)
	return s, nil
}

// Check returns the error that New or, for the URL of the database and for certificates, Open or Serve would return for cfg. It
// opens no connection, database or port.
func Check(cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	if err := s.cfg.checkDatabaseURL(); err != nil {
		return err
	}
	_, err = s.cfg.tlsConfig()
	return err
}

// api returns the configuration of the API, which lacks the store.
func (c Config) api(m *metrics.Metrics) (api httpapi.Config, err error) {
	api = httpapi.Config{
		Hub: core.Config{
			Log: c.Log, Metrics: m,
			CommitWindow: c.CommitWindow, ServerBatch: c.ServerBatch,
			Retention:       core.Retention{Age: c.LogRetention, Count: c.LogRetentionBatches},
			PresenceTimeout: c.PresenceTimeout, RoomIdle: c.RoomIdle, MaxRooms: c.MaxRooms, MemoryBudget: c.MemoryBudget,
			MaxDocumentBytes: c.MaxDocumentBytes, MaxDocuments: c.MaxDocuments,
		},
		Feeds: feed.Config{
			MaxBytes: c.FeedBytes, Heartbeat: c.Heartbeat, MaxDelay: c.MaxDelay, Spread: c.DrainSpread, Compress: c.CompressStreams, Metrics: m,
		},
		Log: c.Log, Metrics: m, PublicRooms: c.publicRooms(),
		MaxBodyBytes: c.MaxBodyBytes, MaxOps: c.MaxOps, MaxDepth: c.MaxDepth,
	}
	if c.AccessLog {
		api.AccessLog = c.Log
	}
	if c.AdminListen == "" {
		api.MetricsHandler = m.Handler()
	}
	if api.Auth, err = c.authenticator(); err != nil {
		return api, err
	}
	if api.Hub.InitialState, err = c.initialState(); err != nil {
		return api, err
	}
	if api.Origins, err = c.origins(); err != nil {
		return api, err
	}
	api.Limits, err = c.limits()
	return api, err
}

// Handler returns the HTTP API. It answers 503 until Open has returned.
func (s *Server) Handler() http.Handler { return s.front }

// AdminHandler returns what Config.AdminListen serves, for a program that serves it itself. It requires no authentication: only
// operators must be able to reach it.
func (s *Server) AdminHandler() http.Handler { return s.adminHandler(false) }

// Open opens the database and the API. If a remote database is unavailable, Open waits up to Config.DatabaseWait for it.
// A server without authentication answers only requests for a local host name, unless Config.InsecureNoAuth is set.
func (s *Server) Open(ctx context.Context) error { return s.open(ctx, nil, false, func() {}) }

func (s *Server) open(ctx context.Context, address net.Addr, encrypted bool, unready func()) error {
	store, err := s.cfg.openStore(ctx, unready)
	if err != nil {
		return err
	}
	s.store, s.api.Hub.Store = store, store
	if s.cfg.clustered() {
		if s.bus, err = s.cfg.openBus(ctx, store); err != nil {
			return errors.Join(err, store.Close())
		}
		s.api.Hub.Bus, s.api.Hub.Node, s.api.Hub.Servers = s.bus, s.node, s.bus.SetServers
	}
	s.api.LocalOnly = s.cfg.localOnly(address, encrypted)
	s.server = httpapi.New(s.api)
	s.metrics.Watch(s.server)
	if s.bus != nil {
		s.metrics.WatchBus(s.bus)
	}
	s.front.Set(s.server)
	return nil
}

// Serve listens, opens the database, and serves until ctx ends or the listener fails. Then it shuts down. It returns nil
// after a complete shutdown.
func (s *Server) Serve(ctx context.Context) error {
	config, err := s.cfg.tlsConfig()
	if err != nil {
		return err
	}
	listener, err := s.cfg.listener(ctx)
	if err != nil {
		return err
	}
	public := s.cfg.newPublicServer(listener, s.front, config)
	defer public.close()
	if err := s.cfg.checkAddress(listener.Addr()); err != nil {
		return err
	}
	if s.cfg.AdminListen != "" {
		admin, err := s.cfg.startAdmin(ctx, s.adminHandler(isLoopback(s.cfg.AdminListen)))
		if err != nil {
			return err
		}
		defer admin.close()
	}
	if err := s.open(ctx, listener.Addr(), config != nil, public.serve); err != nil {
		if ctx.Err() != nil { // stopped before it was ready
			return nil
		}
		return err
	}
	stopCollector := startCollector(func() int64 { return s.server.Hub().Stats().MemoryBytes })
	defer stopCollector()
	public.serve()
	s.cfg.Log.Info("pathsync is ready", "url", public.url(), "database", Redacted(s.cfg.Database), "epoch", s.store.Epoch())

	var failed error
	select {
	case <-ctx.Done():
		s.cfg.Log.Info("shutting down")
	case failed = <-public.served:
		failed = fmt.Errorf("serving: %w", failed)
	}
	err = errors.Join(failed, s.shutdown(context.WithoutCancel(ctx), public.shutdown))
	if err == nil {
		s.cfg.Log.Info("everything is saved")
	}
	return err
}

// Shutdown asks clients to reconnect, waits for requests and streams, saves what is not saved, and closes the database. It
// takes at most ShutdownTimeout. After an error or the end of ctx, acknowledged batches are in the change log all the
// same.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.shutdown(ctx, func(context.Context) error { return nil })
}

// shutdown ends the streams and, with closeHTTP, the requests at the same time. The hub closes after both.
func (s *Server) shutdown(ctx context.Context, closeHTTP func(context.Context) error) error {
	s.handOver(ctx)
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	s.server.Drain()
	streams := make(chan error, 1)
	go func() { streams <- s.server.Wait(drain) }()
	if err := errors.Join(closeHTTP(drain), <-streams); err != nil {
		s.cfg.Log.Warn("some connections had to be cut", "error", err)
	}
	finish, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	err := s.server.Hub().Close(finish)
	if err != nil {
		err = fmt.Errorf("shutting down: %w", err)
	}
	if s.bus != nil {
		s.bus.Close()
	}
	return errors.Join(err, s.store.Close())
}

// handOver lets other servers commit the rooms of this one, before its clients move to them.
func (s *Server) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	if err := s.server.Hub().Drain(ctx); err != nil {
		s.cfg.Log.Warn("the other servers could not be told that this one is shutting down", "error", err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/metrics"
	"github.com/pathsync/pathsync/sqlstore"
)

// Limits of the parts of a shutdown: together they stay below the 10 s after which supervisors lose patience.
const (
	drainTimeout = 4 * time.Second // running requests and streams
	closeTimeout = 5 * time.Second // what is waiting for the database
)

// Run serves until ctx ends, and then puts everything away.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	log := c.logger(p)
	shareOneProcessor()
	who, err := c.authenticator(log)
	if err != nil {
		return err
	}
	initial, err := c.initialState()
	if err != nil {
		return err
	}
	edge, err := c.edge(log)
	if err != nil {
		return err
	}
	listener, err := listenOrInherit(ctx, c.Listen)
	if err != nil {
		return err
	}
	if err := c.checkReach(listener.Addr()); err != nil {
		listener.Close()
		return err
	}
	public := newPublicServer(listener, edge, log)
	measured := metrics.New()
	if c.AdminListen != "" {
		operators, err := startAdmin(ctx, log, c.AdminListen, adminHandler(public.front, measured.Handler()))
		if err != nil {
			listener.Close()
			return err
		}
		defer operators.close(ctx)
	}
	store, err := c.openStore(ctx, log, public.serve)
	if err != nil {
		public.close()
		if ctx.Err() != nil { // it was told to end before it could begin
			return nil
		}
		return err
	}
	defer store.Close()
	return c.serve(ctx, log, store, public, measured, who, initial, edge)
}

// shareOneProcessor lets others run while a commit waits for the disk, also on a machine with a single processor. There Go
// would let it wait alone until the scheduler notices, which can take 10 ms: measured, a quarter of the batches a second.
func shareOneProcessor() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}

// serve puts the parts together, and takes them apart again when ctx ends: first no new requests, then the streams,
// then what is still to be written.
func (c *serveCommand) serve(ctx context.Context, log *slog.Logger, store core.Store, public *publicServer, measured *metrics.Metrics,
	who httpapi.Authenticator, initial core.InitialStateLoader, edge edge) error {
	feeds := httpapi.NewFeeds(httpapi.FeedsConfig{
		MaxBytes: c.FeedBytes, Heartbeat: milliseconds(c.HeartbeatMs), Spread: c.DrainSpread, Compress: c.CompressStreams, Recorder: measured,
	})
	hub := core.NewHub(core.Config{
		Store: store, Listen: feeds.Listen, Log: log, Recorder: measured, InitialState: initial,
		CommitWindow: milliseconds(c.CommitWindowMs), Retention: core.Retention{Age: c.LogRetention, Count: c.LogRetentionBatches},
		ServerBatch: milliseconds(c.ServerBatchMs), PresenceTimeout: milliseconds(c.PresenceTimeoutMs),
		RoomIdle: milliseconds(c.RoomIdleMs), MaxRooms: c.MaxRooms, MemoryBudget: c.MemoryBudget, MaxDocumentBytes: c.MaxDocumentBytes, MaxDocuments: c.MaxDocuments,
	})
	measured.Watch(hub, feeds)
	collecting, stopCollecting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCollecting()
	go new(collector).run(collecting, func() int64 { return hub.Stats().MemoryBytes })
	config := httpapi.Config{
		Hub: hub, Feeds: feeds, Log: log, Recorder: measured, Auth: who, PublicRooms: c.publicRooms(),
		MaxBodyBytes: c.MaxBodyBytes, MaxOps: c.MaxOps, MaxDepth: c.MaxDepth,
		Origins: edge.origins, Limits: edge.limits, LocalOnly: c.localOnly(public.listener.Addr(), edge.tls != nil),
	}
	if c.AccessLog {
		config.AccessLog = log
	}
	if c.AdminListen == "" {
		config.Metrics = measured.Handler()
	}
	api := httpapi.New(config)
	public.front.Set(api)
	public.serve()
	log.Info("pathsync is ready", "url", edge.scheme()+"://"+public.listener.Addr().String()+"/", "database", kindOf(c.Database), "epoch", store.Epoch())

	var failed error
	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case failed = <-public.served:
	}
	// ctx has ended, and with it is said all that it had to say: the rest has limits of its own.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	api.Drain()
	streams := make(chan error, 1)
	go func() { streams <- api.Wait(drain) }()
	if err := errors.Join(public.server.Shutdown(drain), <-streams); err != nil {
		log.Warn("some connections had to be cut", "error", err)
		_ = public.server.Close() // what could not be ended in time is not waited for
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := hub.Close(finish); err != nil {
		return errors.Join(failed, fmt.Errorf("shutting down: %w", err))
	}
	if failed != nil {
		return fmt.Errorf("serving: %w", failed)
	}
	log.Info("everything is saved")
	return nil
}

// checkDatabase checks the kind of the database and the name of an SQLite file. Other errors appear when it is opened.
func (c *serveCommand) checkDatabase() error {
	if file, ok := strings.CutPrefix(c.Database, "sqlite:"); ok {
		if err := sqlstore.CheckSQLiteFile(file); err != nil {
			return fmt.Errorf("--database: %w", err)
		}
	}
	_, _, err := storeOpener(c.Database, nil)
	return err
}

// kindOf is as much of a database URL as may be shown: a password can stand behind the scheme, but not in the name of
// a file.
func kindOf(url string) string {
	scheme, _, found := strings.Cut(url, ":")
	switch {
	case scheme == "sqlite":
		return url
	case found:
		return scheme + ":…"
	default:
		return "…"
	}
}

func (c *serveCommand) logger(p *program) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // Validate has seen to it
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.stderr, options))
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

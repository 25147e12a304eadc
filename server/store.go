package server

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/sqlstore"
)

// Timing of opening the database.
const (
	unreadyAfter    = 2 * time.Second // until then, requests wait in the listener's queue
	minOpenDelay    = 250 * time.Millisecond
	maxOpenDelay    = 5 * time.Second
	warningInterval = 30 * time.Second // between equal warnings
)

type openFunc func(context.Context) (core.Store, error)

// openStore opens the store. If the database is unavailable, it retries until DatabaseWait has passed. It calls unready,
// possibly from another goroutine, once it is clear that opening takes long.
func (c Config) openStore(ctx context.Context, unready func()) (core.Store, error) {
	open, remote, err := c.storeOpener(c.Log)
	if err != nil {
		return nil, err
	}
	unready = sync.OnceFunc(unready)
	slow := time.AfterFunc(unreadyAfter, unready)
	defer slow.Stop()
	started, warned, text := time.Now(), time.Time{}, ""
	for delay := minOpenDelay; ; delay = min(2*delay, maxOpenDelay) {
		store, err := open(ctx)
		if err == nil || ctx.Err() != nil || !remote || !sqlstore.WaitingHelps(err) {
			return store, err
		}
		left := c.DatabaseWait - time.Since(started)
		if left <= 0 {
			if c.DatabaseWait > 0 {
				err = c.errorf("waiting for the database ({DatabaseWait} %v): %w", c.DatabaseWait, err)
			}
			return nil, err
		}
		unready()
		if err.Error() != text || time.Since(warned) >= warningInterval {
			warned, text = time.Now(), err.Error()
			c.Log.Warn("the database is unavailable; requests get 503 until it is available", "error", err, "for", left.Round(time.Second))
		}
		select {
		case <-time.After(min(delay, left)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// storeOpener returns the function that opens the store, and whether the database is a server that can be unavailable.
func (c Config) storeOpener(log *slog.Logger) (open openFunc, remote bool, err error) {
	if c.Store != nil {
		return func(context.Context) (core.Store, error) { return c.Store, nil }, false, nil
	}
	scheme, _, _ := strings.Cut(c.Database, ":")
	switch scheme {
	case "memory":
		return func(context.Context) (core.Store, error) { return memstore.New(), nil }, false, nil
	case "sqlite", "postgres", "postgresql", "sqlserver":
		return func(ctx context.Context) (core.Store, error) {
			store, err := sqlstore.Open(ctx, c.Database, sqlstore.WithLog(log))
			if err != nil {
				return nil, err
			}
			return store, nil
		}, scheme != "sqlite", nil
	default:
		return nil, false, c.errorf("{Database} %q is not known; use sqlite:FILE, sqlserver://…, postgres://… or %q",
			Redacted(c.Database), "memory:")
	}
}

// checkDatabaseURL returns a *ConfigError if the driver cannot read the URL of the database.
func (c Config) checkDatabaseURL() error {
	if c.Store != nil || strings.HasPrefix(c.Database, "memory:") {
		return nil
	}
	if err := sqlstore.CheckURL(c.Database); err != nil {
		return &ConfigError{c.errorf("{Database}: %w", err)}
	}
	return nil
}

// Redacted returns the part of a database URL that may be logged. The rest can contain a password, except for SQLite.
func Redacted(url string) string {
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

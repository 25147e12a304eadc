package contract

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/metrics"
)

// server is a real one, on a port of the loopback interface.
type server struct {
	url   string
	store *faultyStore
	api   *httpapi.Server
}

// limits are the settings of a server that the tests change.
type limits struct {
	maxRooms    int
	bodyTimeout time.Duration
	origins     origin.Allowed
	limits      limit.Config
	noMetrics   bool
	auth        httpapi.Authenticator
	public      []access.Pattern
	initial     core.InitialStateLoader
	localOnly   bool
	compress    bool // streams
	maxDocument int  // bytes
	impatient   bool // a short time until a keep-alive

	faultyMetrics bool
}

func startServer(t *testing.T, l limits) *server {
	t.Helper()
	store := &faultyStore{Store: memstore.New()}
	measured := metrics.New()
	cfg := httpapi.Config{
		Hub:         core.Config{Store: store, MaxRooms: l.maxRooms, Metrics: measured, InitialState: l.initial, MaxDocumentBytes: l.maxDocument},
		Feeds:       feed.Config{Spread: time.Second, Metrics: measured},
		BodyTimeout: l.bodyTimeout, Metrics: measured, Auth: l.auth, Origins: l.origins, Limits: l.limits,
		PublicRooms: l.public, LocalOnly: l.localOnly,
	}
	cfg.Feeds.Compress = l.compress
	if l.impatient {
		cfg.Feeds.Heartbeat = 50 * time.Millisecond
	}
	if !l.noMetrics {
		cfg.MetricsHandler = measured.Handler()
	}
	if l.faultyMetrics {
		cfg.MetricsHandler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a fault of the program") })
	}
	api := httpapi.New(cfg)
	measured.Watch(api)
	listener := httptest.NewUnstartedServer(api)
	listener.Config.MaxHeaderBytes = 64 << 10
	listener.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		api.Drain()
		store.down.Store(false)
		if err := errors.Join(api.Wait(ctx), api.Hub().Close(ctx)); err != nil {
			t.Errorf("ending the server: %v", err)
		}
		listener.Close()
	})
	return &server{url: listener.URL, store: store, api: api}
}

// faultyStore is a database that a test can make unavailable, with one damaged room.
type faultyStore struct {
	*memstore.Store
	down atomic.Bool
}

const (
	damagedRoom  = "damaged"
	rejectedRoom = "rejected" // its batches are rejected
)

var errDown = errors.New("the database is unavailable")

func (s *faultyStore) Documents(ctx context.Context, room string) ([]core.Document, error) {
	if s.down.Load() {
		return nil, errDown
	}
	if room == damagedRoom {
		return []core.Document{{Room: room, Key: "default", ServerSeq: 1, State: "{"}}, nil
	}
	return s.Store.Documents(ctx, room)
}

// Reopen reopens the database; it fails while the database is unavailable.
func (s *faultyStore) Reopen(ctx context.Context, lost bool) (core.Store, error) {
	if s.down.Load() {
		return nil, errDown
	}
	return s.Store.Reopen(ctx, lost)
}

func (s *faultyStore) Ping(ctx context.Context) error {
	if s.down.Load() {
		return errDown
	}
	return s.Store.Ping(ctx)
}

func (s *faultyStore) Append(ctx context.Context, batches []*core.Batch) error {
	if slices.ContainsFunc(batches, func(b *core.Batch) bool { return b.Room == rejectedRoom }) {
		return core.ErrRejected
	}
	return s.Store.Append(ctx, batches)
}

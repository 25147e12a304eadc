package feed

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/retained"
	"github.com/pathsync/pathsync/sse"
)

// Config configures a Set. Zero values are the defaults named.
type Config struct {
	MaxBytes     int           // framed events that one room keeps; 4 MiB
	Heartbeat    time.Duration // silence after which a stream sends a comment; 15 s
	MaxDelay     time.Duration // of frames that are sent together, when a room has many streams and events; 15 ms
	WriteTimeout time.Duration // for a reader to take data; 10 s
	Spread       time.Duration // at shutdown, clients are asked to reconnect within this time; 3 s
	Compress     bool          // streams, for readers that accept zstd or gzip: the full state at their beginning
	Metrics      sse.Metrics   // receives measurements of deliveries; default: none
}

// WithDefaults returns c with the defaults in place of zero values.
func (c Config) WithDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = 4 << 20
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = 15 * time.Millisecond
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.Spread == 0 {
		c.Spread = 3 * time.Second
	}
	return c
}

// Set holds the feed of every open room and of every probe, and the streams that follow them. It is safe for concurrent use.
type Set struct {
	cfg      Config
	streams  *sse.Group
	pages    *logPages
	retained retained.Counter // discarded frames that readers may still hold
	stop     context.CancelFunc

	mu     sync.Mutex
	open   map[*sse.Feed]struct{}
	closed bool
}

// NewSet returns an empty set. End it with Close, then Wait.
func NewSet(cfg Config) *Set {
	s := &Set{
		cfg:     cfg,
		streams: &sse.Group{WriteTimeout: cfg.WriteTimeout, Compress: cfg.Compress, Metrics: cfg.Metrics},
		open:    map[*sse.Feed]struct{}{},
	}
	life, stop := context.WithCancel(context.Background())
	s.pages, s.stop = newLogPages(life, s.retained.Dropped), stop
	return s
}

// Listen makes the feed of a room that is being opened. It is the function core.Config.Listen.
func (s *Set) Listen(room, epoch string, seq int64) core.Listener {
	return &Room{
		Feed:     s.NewFeed(s.cfg.MaxBytes, seq),
		set:      s,
		room:     room,
		epoch:    epoch,
		clients:  map[string]Client{},
		presence: newPresenceHistory(),
	}
}

// NewFeed makes a feed that Close closes. When the caller closes it, it must also call Forget.
func (s *Set) NewFeed(maxBytes int, seq int64) *sse.Feed {
	feed := sse.NewFeed(sse.FeedConfig{
		MaxBytes: maxBytes, StartSeq: seq, Heartbeat: s.cfg.Heartbeat, MaxDelay: s.cfg.MaxDelay, Dropped: s.retained.Dropped,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		feed.Close(s.reconnect)
	}
	s.open[feed] = struct{}{}
	return feed
}

// Forget removes a feed.
func (s *Set) Forget(feed *sse.Feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, feed)
}

// Open turns a response into a stream.
func (s *Set) Open(w http.ResponseWriter, r *http.Request) (*sse.Stream, error) {
	return s.streams.Open(w, r)
}

// Close ends every stream. Each sends `reconnect` with a random delay. Close does not wait.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for feed := range s.open {
		feed.Close(s.reconnect)
	}
	s.stop()
}

// Wait returns when every stream has ended. When ctx ends first, it closes the remaining connections.
func (s *Set) Wait(ctx context.Context) error { return s.streams.Shutdown(ctx) }

// reconnect returns the last frame of a stream at shutdown. Random delays prevent that all readers reconnect at once.
func (s *Set) reconnect(int) []byte {
	return Frame("reconnect", struct {
		AfterMs int64 `json:"afterMs"`
	}{rand.N(s.cfg.Spread).Milliseconds()})
}

// Stats are the feeds and streams at one moment.
type Stats struct {
	Streams int
	Bytes   int // of framed events in memory

	LogReads int64 // pages of the log read so far
}

// Stats returns the current state.
func (s *Set) Stats() Stats {
	s.mu.Lock()
	open := slices.Collect(maps.Keys(s.open))
	s.mu.Unlock()
	stats := Stats{Streams: s.streams.Len(), LogReads: s.pages.loads.Load()}
	for _, feed := range open {
		stats.Bytes += feed.Bytes()
	}
	return stats
}

// Memory estimates the memory of streams and cached pages, in bytes; rooms count their feeds themselves. retained is the
// memory of discarded frames that slow readers may still hold.
func (s *Set) Memory() (used, retained int64) {
	return int64(s.streams.Memory() + s.pages.memory()), s.retained.Bytes()
}

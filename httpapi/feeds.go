package httpapi

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/retained"
	"github.com/pathsync/pathsync/sse"
)

// FeedsConfig says how rooms are told to their readers. Zero values stand for the defaults named.
type FeedsConfig struct {
	MaxBytes     int           // of framed events that one room keeps; 4 MiB
	Heartbeat    time.Duration // silence after which a comment is sent; 15 s
	WriteTimeout time.Duration // for a reader to take what is sent to it; 10 s
	Spread       time.Duration // when the server goes away, clients are asked back within this; 3 s
	Compress     bool          // streams, for readers who accept zstd or gzip: the whole state that they begin with
	Recorder     sse.Metrics   // measures deliveries; default: nobody does
}

// Feeds holds the feed of every open room and of every probe, and the streams that follow them. Its Listen is what core.Config wants.
type Feeds struct {
	cfg      FeedsConfig
	streams  *sse.Group
	pages    *logPages
	retained retained.Counter // frames that are not kept any more, and that readers may still hold
	stop     context.CancelFunc

	mu     sync.Mutex
	open   map[*sse.Feed]struct{}
	closed bool
}

func (cfg FeedsConfig) withDefaults() FeedsConfig {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 4 << 20
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if cfg.Spread == 0 {
		cfg.Spread = 3 * time.Second
	}
	return cfg
}

// newFeeds makes an empty set of feeds.
func newFeeds(cfg FeedsConfig) *Feeds {
	f := &Feeds{
		cfg:     cfg,
		streams: &sse.Group{WriteTimeout: cfg.WriteTimeout, Compress: cfg.Compress, Metrics: cfg.Recorder},
		open:    map[*sse.Feed]struct{}{},
	}
	life, stop := context.WithCancel(context.Background())
	f.pages, f.stop = newLogPages(life, f.retained.Dropped), stop
	return f
}

// Listen makes the feed of a room that has just been opened.
func (f *Feeds) Listen(room, epoch string, seq int64) core.Listener {
	return &roomFeed{
		Feed:    f.feed(f.cfg.MaxBytes, seq),
		feeds:   f,
		room:    room,
		epoch:   epoch,
		clients: map[string]clientStream{},
	}
}

// feed makes a feed that ends with all others. forget is to be called when it is closed.
func (f *Feeds) feed(maxBytes int, seq int64) *sse.Feed {
	feed := sse.NewFeed(sse.FeedConfig{MaxBytes: maxBytes, StartSeq: seq, Heartbeat: f.cfg.Heartbeat, Dropped: f.retained.Dropped})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		feed.Close(f.reconnect)
	}
	f.open[feed] = struct{}{}
	return feed
}

func (f *Feeds) forget(feed *sse.Feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, feed)
}

// Close ends every stream, and tells each reader to come back after a time of its own. It does not wait.
func (f *Feeds) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for feed := range f.open {
		feed.Close(f.reconnect)
	}
	f.stop()
}

// Wait returns when every stream has ended. When ctx ends first, the connections that are left are broken.
func (f *Feeds) Wait(ctx context.Context) error { return f.streams.Shutdown(ctx) }

// reconnect is the last frame of a stream when the server goes away. The delays are spread so that the readers do not
// all come back at once.
func (f *Feeds) reconnect(int) []byte {
	return frame("reconnect", asJSON(struct {
		AfterMs int64 `json:"afterMs"`
	}{rand.N(f.cfg.Spread).Milliseconds()}))
}

// roomFeed is the feed of one room. As the room's listener it frames each batch once, for all readers.
type roomFeed struct {
	*sse.Feed
	feeds *Feeds
	room  string
	epoch string // of the history that the room was opened from

	mu      sync.Mutex
	clients map[string]clientStream // of each client that has named itself

	// These are used under the room's lock only.
	data, text, id []byte // memory for framing
	whole          wholeState
}

// feedOf returns the feed of a room.
func feedOf(r *core.Room) *roomFeed { return r.Listener().(*roomFeed) }

// Committed implements core.Listener.
func (f *roomFeed) Committed(batches []*core.Batch) {
	for _, b := range batches {
		size := frameSize(b)
		f.data, f.text = slices.Grow(f.data[:0], size), slices.Grow(f.text[:0], size)
		f.text = f.appendDelta(f.text, b)
		// It can only fail because the feed is closed: then nobody listens any more.
		_ = f.Append(b.ServerSeq, f.text)
	}
	f.Wake()
	f.trim()
}

// frameSize is about how many bytes the frame of a batch takes: growing to that would take twice the memory.
func frameSize(b *core.Batch) int {
	n := 512
	for i := range b.Ops {
		n += 64 + len(b.Ops[i].Path) + len(b.Ops[i].Value)
	}
	return n
}

// PresenceChanged implements core.Listener. A change of many clients becomes several events, so that no frame is larger
// than a piece of the feed's memory should be.
func (f *roomFeed) PresenceChanged(c presence.Change) {
	for more := true; more; {
		f.data, more = appendPresenceChange(f.data[:0], f.room, &c, maxPresenceChange)
		f.text = appendFrame(f.text[:0], "", "presence-change", f.data)
		_ = f.Append(0, f.text)
	}
	f.Wake()
	f.trim()
}

// maxPresenceChange is how many bytes the data of one presence-change event has, at most; a single client may take more.
const maxPresenceChange = 32 << 10

// Bytes implements core.Listener.
func (f *roomFeed) Bytes() int {
	f.mu.Lock()
	clients := len(f.clients)
	f.mu.Unlock()
	whole := f.whole.frames.Len()
	if f.feeds.cfg.Compress {
		whole += whole / 2 // compressed, in both encodings
	}
	return f.Feed.Bytes() + whole + cap(f.data) + cap(f.text) + clients*clientMemory
}

// clientMemory is about what it takes to know the stream of a client.
const clientMemory = 192

// Closed implements core.Listener.
func (f *roomFeed) Closed(err error) {
	var last func(int) []byte
	if err != nil {
		body := problemOf(&roomsError{err, []string{f.room}}).json()
		last = func(int) []byte { return frame("problem", body) }
	}
	f.Feed.Close(last)
	f.feeds.forget(f.Feed)
	f.feeds.pages.forget(f)
}

// appendDelta appends the frame of a batch.
func (f *roomFeed) appendDelta(dst []byte, b *core.Batch) []byte {
	f.data = appendDelta(f.data[:0], b)
	f.id = f.eventID(b.ServerSeq).append(f.id[:0])
	return appendFrame(dst, string(f.id), "delta", f.data)
}

func (f *roomFeed) eventID(seq int64) eventID { return eventID{f.epoch, seq} }

// keepBuffer is how much memory for framing a room keeps between batches.
const keepBuffer = 16 << 10

// trim lets go of memory that one large batch has needed.
func (f *roomFeed) trim() {
	if cap(f.data) > keepBuffer {
		f.data = nil
	}
	if cap(f.text) > keepBuffer {
		f.text = nil
	}
}

// frame is one event from which nobody resumes, as it goes over the wire.
func frame(event string, data []byte) []byte { return appendFrame(nil, "", event, data) }

func appendFrame(dst []byte, id, event string, data []byte) []byte {
	dst, err := sse.AppendEvent(dst, id, event, data)
	if err != nil {
		panic(err) // ids and names are our own, and have nothing in them that could break out of a field
	}
	return dst
}

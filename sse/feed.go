package sse

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"
)

// Errors of a Feed.
var (
	// ErrClosed: the feed, or the group of streams, has been closed.
	ErrClosed = errors.New("closed")
	// ErrOrder: an event's seq is not higher than the last one's.
	ErrOrder = errors.New("events out of order")
)

// FeedConfig says how much a feed keeps and where it starts.
type FeedConfig struct {
	// MaxBytes bounds the memory of the frames that are kept; the index adds 16 bytes for each resumable event. The
	// oldest frames go first, a piece at a time; the newest is kept even when it alone is larger. Zero means 1 MiB.
	MaxBytes int
	// StartSeq is the seq that counts as the last one before the feed's first event.
	StartSeq int64
	// Heartbeat is the silence after which a comment is sent to all streams of the feed. Zero means 15 s.
	Heartbeat time.Duration
	// Dropped is handed memory of frames that are not kept any more; streams may still have it. It is called under the
	// feed's lock. Default: nobody is.
	Dropped func([]byte)
}

const (
	defaultMaxBytes  = 1 << 20
	defaultHeartbeat = 15 * time.Second

	firstChunk = 4 << 10
	fullChunk  = 64 << 10
)

// Position is a place between two frames of one Feed: the number of bytes that came before it.
type Position uint64

// Feed is the latest frames of one source of events, and the streams that follow it. An empty feed costs a few
// hundred bytes. All methods may be called at the same time from several goroutines; none of them waits for a reader.
type Feed struct {
	maxBytes  int
	maxChunk  int
	heartbeat time.Duration
	dropped   func([]byte)

	mu        sync.Mutex
	chunks    []*chunk // never empty, oldest first; the last takes the next frame
	bytes     int      // allotted to chunks
	marks     int      // resumable events in chunks
	nextChunk int      // size of the next one
	end       Position
	lastSeq   int64

	streams []*subscription // at subscription.slot
	news    chan struct{}   // closed at the next Wake; nil when nobody waits
	woken   time.Time       // when everybody was last roused
	unsent  time.Time       // when the first event that nobody has been roused for was appended; zero: there is none
	turn    int             // counts the streams that were asked how long they take
	late    *time.Timer     // rouses everybody after a Wake that came too soon
	isLate  bool            // late is running

	silentSince time.Time
	pulse       *time.Timer // runs only while there are streams

	closed  bool
	last    func(n int) []byte // of Close
	goodbye int                // how many were asked of it
}

// NewFeed returns an empty feed.
func NewFeed(cfg FeedConfig) *Feed {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = defaultHeartbeat
	}
	if cfg.Dropped == nil {
		cfg.Dropped = func([]byte) {}
	}
	// Whole chunks are dropped, so a small feed needs small ones to keep most of what it may.
	maxChunk := max(1, min(fullChunk, cfg.MaxBytes/8))
	return &Feed{
		maxBytes:  cfg.MaxBytes,
		maxChunk:  maxChunk,
		heartbeat: cfg.Heartbeat,
		dropped:   cfg.Dropped,
		// The first chunk holds nothing, and gives the streams of an empty feed a place to wait in.
		chunks:    []*chunk{{floor: cfg.StartSeq}},
		nextChunk: min(firstChunk, maxChunk),
		lastSeq:   cfg.StartSeq,
	}
}

// Append adds one frame, and leaves the streams asleep: after one or several frames, call Wake. The frame is copied.
//
// A seq above zero makes it an event that can be resumed from: it has to be higher than the seq before it (else
// ErrOrder), and the frame one that AppendEvent made. Seq zero is for everything else. On a closed feed it
// returns ErrClosed.
func (f *Feed) Append(seq int64, frame []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	if seq != 0 && seq <= f.lastSeq {
		return fmt.Errorf("appending event %d after %d: %w", seq, f.lastSeq, ErrOrder)
	}
	f.append(seq, frame)
	return nil
}

// Wake rouses everybody who waits for what has been appended. It costs about 100 ns for each waiting stream.
//
// A crowd is roused at most once in the time that serving it takes: what comes meanwhile goes out together a little
// later, with one write for each reader instead of several.
func (f *Feed) Wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isLate || f.closed {
		return
	}
	wait := f.spacing() - time.Since(f.woken)
	if wait <= 0 {
		f.wake()
		return
	}
	f.isLate = true
	if f.late == nil {
		f.late = time.AfterFunc(wait, f.wakeLate)
	} else {
		f.late.Reset(wait)
	}
}

func (f *Feed) wakeLate() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isLate = false
	f.wake()
}

// What makes a crowd, and about what it costs to serve one of it: the write to a socket.
const (
	crowd      = 64
	perReader  = 10 * time.Microsecond
	maxSpacing = 20 * time.Millisecond
)

// spacing is the least time between two wakes.
func (f *Feed) spacing() time.Duration {
	if len(f.streams) < crowd {
		return 0
	}
	return min(time.Duration(len(f.streams))*perReader, maxSpacing)
}

// End returns the position behind the last frame.
func (f *Feed) End() Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end
}

// Bytes returns how much memory the feed has allotted to frames and their index.
func (f *Feed) Bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes + f.marks*markBytes
}

// LastSeq returns the seq of the last resumable event, or the feed's StartSeq.
func (f *Feed) LastSeq() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lastSeq
}

// Close ends all streams of the feed and all calls of Wait. Each stream still sends what is pending, and then the
// frame that last returns for it; a stream that is started later gets one too, at once. last may be nil; it is called with
// 0, 1, 2 …, under the feed's lock. Close does not wait for the streams to end: a Group does.
func (f *Feed) Close(last func(n int) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed, f.last = true, last
	for _, p := range f.streams {
		p.stream.finish(ErrClosed, f.lastFrame())
	}
	f.wake()
	f.stopPulse()
	if f.late != nil {
		f.late.Stop()
	}
}

func (f *Feed) lastFrame() []byte {
	if f.last == nil {
		return nil
	}
	f.goodbye++
	return f.last(f.goodbye - 1)
}

// join makes a stream one of the feed's, with its cursor at the position that it has.
func (f *Feed) join(p *subscription) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.at(p.cursor.pos)
	if !ok {
		return ErrLagged
	}
	p.cursor.chunk = c
	p.slot = len(f.streams)
	f.streams = append(f.streams, p)
	if f.closed {
		p.stream.finish(ErrClosed, f.lastFrame())
		return nil
	}
	if p.slot == 0 {
		f.startPulse()
	}
	return nil
}

// leave undoes a join that succeeded.
func (f *Feed) leave(p *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end := len(f.streams) - 1
	moved := f.streams[end]
	f.streams[p.slot], moved.slot = moved, p.slot
	f.streams[end] = nil
	f.streams = f.streams[:end]
	if end == 0 {
		f.stopPulse()
	}
}

// The functions below need the lock, except locate.

func (f *Feed) append(seq int64, frame []byte) {
	newest := f.chunks[len(f.chunks)-1]
	if !newest.fits(frame) {
		newest = f.grow(len(frame))
	}
	newest.add(seq, frame)
	f.end += Position(len(frame))
	if seq > 0 {
		f.lastSeq = seq
		f.marks++
	}
	f.silentSince = time.Now()
	if seq > 0 && f.unsent.IsZero() {
		f.unsent = f.silentSince
	}
}

// grow begins a new chunk with room for n bytes, and drops the oldest that are now beyond the bound.
func (f *Feed) grow(n int) *chunk {
	c := &chunk{start: f.end, floor: f.lastSeq, buf: make([]byte, max(n, f.nextChunk))}
	f.nextChunk = min(2*f.nextChunk, f.maxChunk)
	f.chunks[len(f.chunks)-1].seal(c)
	f.chunks = append(f.chunks, c)
	f.bytes += len(c.buf)

	drop := 0
	for ; f.bytes > f.maxBytes && drop < len(f.chunks)-1; drop++ {
		f.bytes -= len(f.chunks[drop].buf)
		f.marks -= len(f.chunks[drop].events)
		f.dropped(f.chunks[drop].buf)
		f.chunks[drop].drop()
	}
	f.chunks = slices.Delete(f.chunks, 0, drop)
	return c
}

func (f *Feed) wake() {
	f.woken = time.Now()
	f.ask()
	for _, p := range f.streams {
		p.stream.rouse()
	}
	if f.news != nil {
		close(f.news)
		f.news = nil
	}
}

// at returns the chunk from which pos can be read on; ok is false when that is not in the feed any more, or never was.
func (f *Feed) at(pos Position) (c *chunk, ok bool) {
	i := sort.Search(len(f.chunks), func(i int) bool { return f.chunks[i].start > pos }) - 1
	if i < 0 || pos > f.end {
		return nil, false
	}
	return f.chunks[i], true
}

// locate is at, for those who do not have the lock.
func (f *Feed) locate(pos Position) (c *chunk, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at(pos)
}

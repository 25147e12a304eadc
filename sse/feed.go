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
	// ErrClosed means that the feed, or the group of streams, is closed.
	ErrClosed = errors.New("closed")
	// ErrOrder means that the seq of an event is not higher than that of the event before it.
	ErrOrder = errors.New("events out of order")
)

// FeedConfig configures a feed. The zero value has usable defaults.
type FeedConfig struct {
	// MaxBytes limits the memory of the frames; the index needs 24 bytes more for each resumable event and for each run of
	// frames of AppendChange. The oldest frames
	// are dropped first, a segment at a time. The newest frame is kept even if it exceeds MaxBytes. Default: 1 MiB.
	MaxBytes int
	// StartSeq is the seq before the feed's first event.
	StartSeq int64
	// Heartbeat is the time without frames after which the feed sends a comment to all streams. Default: 15 s.
	Heartbeat time.Duration
	// MaxDelay is the longest delay of frames that are sent together with later ones, when the feed has many streams and
	// frames. Default: 15 ms.
	MaxDelay time.Duration
	// Dropped is called with the memory of dropped frames, which streams may still be sending. It runs under the feed's
	// lock and must not call the feed. Default: no call.
	Dropped func([]byte)
}

const (
	defaultMaxBytes  = 1 << 20
	defaultHeartbeat = 15 * time.Second
	defaultMaxDelay  = 15 * time.Millisecond

	firstSegment = 512 // is enough for the heartbeats of half an hour
	fullSegment  = 64 << 10
)

// Position is a place between two frames of a Feed, in bytes since its beginning.
type Position uint64

// Feed holds the latest frames of one source of events, and the subscriptions of the streams that follow it. An empty feed
// needs a few hundred bytes. All methods are safe for concurrent use, and only Wait blocks.
type Feed struct {
	maxBytes   int
	maxSegment int
	heartbeat  time.Duration
	dropped    func([]byte)

	mu          sync.Mutex
	segments    []*segment // at least one, oldest first; the last one takes the next frame
	bytes       int        // allocated for segments
	indexBytes  int        // of the events and changes in segments
	nextSegment int        // size in bytes
	end         Position
	lastSeq     int64

	subscriptions []*subscription // at subscription.slot
	appended      chan struct{}   // closed at the next wake-up; nil if no Wait is running

	maxDelay     time.Duration
	writeCost    time.Duration // average of one write to one stream
	wakePaid     time.Time     // until then, the wake-ups so far have used the feed's share of a processor
	delayedWake  *time.Timer
	wakePending  bool      // delayedWake is running
	pendingSince time.Time // when the first event since the last wake-up was appended; zero: none
	samples      int       // of the latency
	spare        *measurement

	lastAppend     time.Time
	heartbeatTimer *time.Timer // runs only while there are subscriptions

	closed     bool
	last       func(n int) []byte // argument of Close
	lastFrames int                // calls of last
}

// NewFeed returns an empty feed.
func NewFeed(cfg FeedConfig) *Feed {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = defaultHeartbeat
	}
	if cfg.MaxDelay <= 0 {
		cfg.MaxDelay = defaultMaxDelay
	}
	if cfg.Dropped == nil {
		cfg.Dropped = func([]byte) {}
	}
	// Whole segments are dropped. A small feed needs small segments to keep most of MaxBytes.
	maxSegment := max(1, min(fullSegment, cfg.MaxBytes/8))
	return &Feed{
		maxBytes:   cfg.MaxBytes,
		maxSegment: maxSegment,
		heartbeat:  cfg.Heartbeat,
		maxDelay:   cfg.MaxDelay,
		writeCost:  firstWriteCost,
		dropped:    cfg.Dropped,
		// The first segment has no memory. It is the place of streams that subscribe to an empty feed.
		segments:    []*segment{{floor: cfg.StartSeq}},
		nextSegment: min(firstSegment, maxSegment),
		lastSeq:     cfg.StartSeq,
	}
}

// Append appends a copy of one frame. It does not wake streams: call Wake after one or several frames.
//
// With a positive seq, readers can resume after the event. The seq must be higher than the one before it (otherwise
// ErrOrder), and the frame must come from AppendEvent. All other frames have seq zero. The error is ErrClosed if the feed is
// closed.
func (f *Feed) Append(seq int64, frame []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	if seq != 0 && seq <= f.lastSeq {
		return fmt.Errorf("appending event %d after %d: %w", seq, f.lastSeq, ErrOrder)
	}
	f.appendLocked(seq, frame)
	return nil
}

// AppendChange is Append for a frame without an id that streams leave out until they have sent their Later.
func (f *Feed) AppendChange(frame []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	s := f.spaceLocked(len(frame))
	f.indexBytes -= s.indexBytes()
	s.appendChangeLocked(frame)
	f.indexBytes += s.indexBytes()
	f.appendedLocked(len(frame))
	return nil
}

// End returns the position after the last frame.
func (f *Feed) End() Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end
}

// Bytes returns the memory that the feed has allocated for frames and their index, in bytes.
func (f *Feed) Bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes + f.indexBytes
}

// LastSeq returns the seq of the last resumable event, or StartSeq if there is none.
func (f *Feed) LastSeq() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lastSeq
}

// Close ends all streams of the feed and all calls of Wait. Each stream sends what is pending and then the frame that last
// returns for it. A stream that starts later sends a last frame, too. last may be nil. It is called with 0, 1, 2 …, under the
// feed's lock. Close does not wait for the streams: Group.Shutdown does.
func (f *Feed) Close(last func(n int) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed, f.last = true, last
	for _, sub := range f.subscriptions {
		sub.stream.finish(ErrClosed, f.lastFrameLocked())
	}
	f.wakeLocked()
	f.stopHeartbeatLocked()
	if f.delayedWake != nil {
		f.delayedWake.Stop()
	}
}

func (f *Feed) lastFrameLocked() []byte {
	if f.last == nil {
		return nil
	}
	f.lastFrames++
	return f.last(f.lastFrames - 1)
}

// subscribe adds a subscription at the position of its cursor. The error is ErrLagged.
func (f *Feed) subscribe(sub *subscription) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.segmentAtLocked(sub.cursor.pos)
	if !ok {
		return ErrLagged
	}
	sub.cursor.segment = s
	sub.slot = len(f.subscriptions)
	f.subscriptions = append(f.subscriptions, sub)
	if f.closed {
		sub.stream.finish(ErrClosed, f.lastFrameLocked())
		return nil
	}
	if sub.slot == 0 {
		f.startHeartbeatLocked()
	}
	return nil
}

// unsubscribe removes a subscription.
func (f *Feed) unsubscribe(sub *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end := len(f.subscriptions) - 1
	moved := f.subscriptions[end]
	f.subscriptions[sub.slot], moved.slot = moved, sub.slot
	f.subscriptions[end] = nil
	f.subscriptions = f.subscriptions[:end]
	if end == 0 {
		f.stopHeartbeatLocked()
	}
}

func (f *Feed) appendLocked(seq int64, frame []byte) {
	f.spaceLocked(len(frame)).appendLocked(seq, frame)
	f.appendedLocked(len(frame))
	if seq == 0 {
		return
	}
	f.lastSeq = seq
	f.indexBytes += indexEntryBytes
	if f.pendingSince.IsZero() {
		f.pendingSince = f.lastAppend
	}
}

// spaceLocked returns the last segment, with space for at least n bytes.
func (f *Feed) spaceLocked(n int) *segment {
	newest := f.segments[len(f.segments)-1]
	if !newest.fits(n) {
		newest = f.growLocked(n)
	}
	return newest
}

// appendedLocked records that n bytes have been appended.
func (f *Feed) appendedLocked(n int) {
	f.end += Position(n)
	f.lastAppend = time.Now()
}

// growLocked adds a segment for at least n bytes and drops the oldest segments beyond maxBytes.
func (f *Feed) growLocked(n int) *segment {
	s := &segment{start: f.end, floor: f.lastSeq, buf: make([]byte, max(n, f.nextSegment))}
	f.nextSegment = min(2*f.nextSegment, f.maxSegment)
	f.segments[len(f.segments)-1].seal(s)
	f.segments = append(f.segments, s)
	f.bytes += len(s.buf)

	for f.bytes > f.maxBytes && len(f.segments) > 1 {
		f.dropLocked()
	}
	return s
}

// dropLocked drops the oldest segment.
func (f *Feed) dropLocked() {
	s := f.segments[0]
	f.segments = slices.Delete(f.segments, 0, 1)
	f.bytes -= len(s.buf)
	f.indexBytes -= s.indexBytes()
	f.dropped(s.buf)
	s.drop()
}

// dropSentLocked drops the oldest segments up to the first with a resumable event, if all streams have sent them: no reader
// needs them.
func (f *Feed) dropSentLocked() {
	for _, sub := range f.subscriptions {
		if sub.stream.state.Load() != idle {
			return
		}
	}
	for len(f.segments[0].events) == 0 {
		if len(f.segments) == 1 {
			if len(f.segments[0].buf) <= firstSegment {
				return
			}
			f.nextSegment = min(firstSegment, f.maxSegment)
			f.segments = append(f.segments, &segment{start: f.end, floor: f.lastSeq})
		}
		f.dropLocked()
	}
}

// nextChange returns the next frames of AppendChange in the segment of a cursor, as far as they are before a position. If
// there are none, both results are the position.
func (f *Feed) nextChange(c *cursor, before Position) (from, to Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, to = c.segment.nextChangeLocked(c.pos)
	return min(from, before), min(to, before)
}

// Len returns the number of streams that follow the feed.
func (f *Feed) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subscriptions)
}

// segmentAtLocked returns the segment of a position. ok is false if the feed has dropped it or has not reached it.
func (f *Feed) segmentAtLocked(pos Position) (s *segment, ok bool) {
	i := sort.Search(len(f.segments), func(i int) bool { return f.segments[i].start > pos }) - 1
	if i < 0 || pos > f.end {
		return nil, false
	}
	return f.segments[i], true
}

func (f *Feed) segmentAt(pos Position) (s *segment, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.segmentAtLocked(pos)
}

package sse

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Later is a part of a stream that is large, and less urgent than its other frames. Group.Queue makes it due in turn, and the
// stream sends it when nothing else is pending. Until then the stream leaves out the frames of Feed.AppendChange: the part
// includes what they change.
type Later struct {
	get func() (pieces []Piece, from Position)
	due atomic.Bool

	// The lock of the group's turns guards these.
	turns   *turns
	next    *Later
	stream  *Stream // nil before it starts, and when it is over
	over    bool    // the part has been sent, or the stream has ended
	running bool    // one of turns.running
	timer   *time.Timer
}

// NewLater returns a part of one stream. When the part is due, get returns it, and the position from which the stream needs
// the frames of AppendChange. The goroutine of the stream calls get.
func (g *Group) NewLater(get func() (pieces []Piece, from Position)) *Later {
	return &Later{get: get, turns: &g.turns}
}

// Queue makes parts due, in this order, each part once. A part is due when few others are being sent.
func (g *Group) Queue(parts []*Later) {
	g.turns.mu.Lock()
	defer g.turns.mu.Unlock()
	for _, l := range parts {
		g.turns.pushLocked(l)
	}
	g.turns.startLocked()
}

// turns lets few streams send their later parts at the same time. The other streams send their frames meanwhile, and need no
// goroutine. A reader that is slow delays the next part by turnTime at most.
type turns struct {
	mu          sync.Mutex
	first, last *Later // the queue, linked by Later.next
	running     int
}

const (
	maxTurns = 32
	turnTime = 20 * time.Millisecond
)

func (t *turns) pushLocked(l *Later) {
	if t.first == nil {
		t.first = l
	} else {
		t.last.next = l
	}
	t.last = l
}

func (t *turns) startLocked() {
	for t.running < maxTurns && t.first != nil {
		l := t.first
		t.first, l.next = l.next, nil
		if l.over {
			continue
		}
		t.running++
		l.running = true
		l.timer = time.AfterFunc(turnTime, l.pass)
		l.due.Store(true)
		if l.stream != nil {
			l.stream.wake()
		}
	}
}

// pass lets another part be sent.
func (l *Later) pass() {
	l.turns.mu.Lock()
	defer l.turns.mu.Unlock()
	l.passLocked()
}

func (l *Later) passLocked() {
	if l.running {
		l.running = false
		l.turns.running--
		l.turns.startLocked()
	}
}

// attach sets the stream, which is woken when the part is due.
func (l *Later) attach(s *Stream) {
	l.turns.mu.Lock()
	defer l.turns.mu.Unlock()
	l.stream = s
}

// finish is called when the part has been sent, or its stream has ended.
func (l *Later) finish() {
	l.turns.mu.Lock()
	defer l.turns.mu.Unlock()
	l.over, l.stream = true, nil
	if l.timer != nil {
		l.timer.Stop()
	}
	l.passLocked()
}

// sendLater sends the later part of a subscription. It stops if the end is requested; the stream then leaves out changes until
// its end.
func (s *Stream) sendLater(sub *subscription, send func(Piece) error) error {
	pieces, from := sub.later.get()
	end, err := s.sendPieces(pieces, send)
	sub.endLater()
	if end == nil {
		sub.needs = from
	}
	return err
}

// setLater sets the part that the stream sends later; nil is none.
func (sub *subscription) setLater(l *Later) {
	if l != nil {
		sub.later, sub.needs = l, math.MaxUint64
	}
}

// isLaterDue reports whether the subscription has a part that is due.
func (sub *subscription) isLaterDue() bool { return sub.later != nil && sub.later.due.Load() }

// endLater ends the part, if there is one.
func (sub *subscription) endLater() {
	if sub.later != nil {
		sub.later.finish()
		sub.later = nil
	}
}

// pending returns the next frames of one segment, or nothing at the end of the feed, without changes before sub.needs. The
// error is ErrLagged.
func (sub *subscription) pending() ([]byte, error) {
	for {
		run, err := sub.cursor.pending()
		if len(run) == 0 || sub.cursor.pos >= sub.needs {
			return run, err
		}
		from, to := sub.cursor.feed.nextChange(&sub.cursor, sub.needs)
		if from > sub.cursor.pos {
			return run[:min(Position(len(run)), from-sub.cursor.pos)], nil
		}
		sub.cursor.pos = to
	}
}

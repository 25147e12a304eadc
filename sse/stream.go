package sse

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Why a stream ended: what Start's onEnd is given, to be compared with errors.Is.
var (
	// ErrEnded: End was called.
	ErrEnded = errors.New("stream ended by the server")
	// ErrLagged: the reader is so slow that the feed has dropped what it has yet to get.
	ErrLagged = errors.New("reader lags behind the feed")
	// ErrStalled: the reader took no byte for the group's WriteTimeout, or fewer than pace.MinRate on average.
	ErrStalled = errors.New("reader stalled")
	// ErrGone: the connection was closed from the other side, or broke.
	ErrGone = errors.New("reader gone")
	// ErrTalkative: the reader went on sending, on a connection where it has only to listen.
	ErrTalkative = errors.New("reader sends more than a request")
)

// maxPiece is how much is written at once where a write that runs out of time can be continued. It bounds how much later
// Sent, and an order to end, take effect.
const maxPiece = 64 << 10

// Stream is one reader's connection. It is made by Group.Open and set going by Start.
type Stream struct {
	group *Group
	wire  wire
	raw   bool // a write that runs out of time can be continued
	async bool // the wire outlives the handler

	head          []byte         // of the response, when it is for us to send, and of what is encoded
	prelude       []Piece        // nil once it is sent, so that it can be collected
	subscriptions []subscription // one for each feed that it follows; own[:] when that is one
	own           [1]subscription
	merge         *merger // of several feeds; nil when there is one
	encoder       encoder // nil: the stream is not compressed
	meter         pace.Meter
	moved         int  // bytes, since the meter was last asked
	final         bool // the deadline moves no more

	wake   chan struct{} // holds a token when there may be something to do
	ending atomic.Pointer[ending]
	sent   atomic.Int64 // bytes

	before int64 // sent, when Group.Shutdown last looked; guarded by the group's lock
}

// ending is the order to end.
type ending struct {
	cause error
	last  []byte // frame
}

// Start sends the prelude, and then follows the feed from a position, until the stream ends for one of the reasons above
// or ErrClosed.
//
// It returns at once when the connection has been taken over, and when the stream has ended otherwise: a handler
// returns after Start in either case. onEnd is called exactly once with the cause, when the connection is closed and
// nothing of the stream is running any more. Every stream that Open returned must be started, once.
func (s *Stream) Start(prelude []Piece, feed *Feed, from Position, onEnd func(cause error)) {
	s.prelude = prelude
	s.subscriptions = s.own[:]
	s.own[0].cursor = cursor{feed: feed, pos: from}
	s.start(onEnd)
}

// start sets the stream going from its places.
func (s *Stream) start(onEnd func(cause error)) {
	if !s.group.add(s) {
		s.wire.end()
		s.forget()
		onEnd(ErrClosed)
		return
	}
	joined := s.join()
	if s.async {
		go s.run(joined, onEnd)
		return
	}
	s.run(joined, onEnd)
}

// End ends the stream with ErrEnded. A prelude is broken off behind a piece; otherwise what is pending is still sent.
// Then comes the last frame, if there is one. All of it has to be done within the group's WriteTimeout: who may not read on
// must not be able to draw it out. End itself does not wait.
func (s *Stream) End(last []byte) { s.finish(ErrEnded, last) }

// Sent is how many bytes have gone to the reader, the head of the response not always among them.
func (s *Stream) Sent() int64 { return s.sent.Load() }

// finish orders the end. The first order counts.
func (s *Stream) finish(cause error, last []byte) {
	s.ending.CompareAndSwap(nil, &ending{cause: cause, last: last})
	s.rouse()
}

func (s *Stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it has a token already
	}
}

// run is the life of the stream. joined is what joining the feed came to.
func (s *Stream) run(joined error, onEnd func(error)) {
	watched := make(chan struct{})
	go s.watch(watched)

	cause := s.send(joined)
	if joined == nil {
		s.leave(len(s.subscriptions))
	}
	s.wire.end()
	<-watched
	s.forget()
	onEnd(cause)
	s.group.remove(s)
}

// forget lets go of the feeds: whoever still holds the stream does not hold their memory.
func (s *Stream) forget() {
	s.prelude, s.merge = nil, nil
	clear(s.subscriptions)
}

// watch ends the stream when the peer is gone. It returns when that happens or the wire is closed.
func (s *Stream) watch(done chan<- struct{}) {
	defer close(done)
	s.wire.watch(func(cause error) { s.finish(cause, nil) })
}

// send writes all there is to write, and returns why it stopped.
func (s *Stream) send(joined error) error {
	if err := s.put(s.head); err != nil {
		return err
	}
	s.head = nil
	if joined != nil {
		return joined
	}
	if end, err := s.sendPieces(s.prelude, s.sendPart); err != nil {
		return err
	} else if end != nil {
		return s.sendLast(end)
	}
	s.prelude = nil
	if s.merge != nil {
		return s.merge.run()
	}
	return s.follow()
}

// follow sends what is in the feed from the cursor on.
func (s *Stream) follow() error {
	sub := &s.subscriptions[0]
	for {
		// The order to end is looked at before what is pending: what was appended before the order is then sent, too.
		end := s.ending.Load()
		run, err := sub.cursor.pending()
		if err != nil {
			return err
		}
		if len(run) > 0 {
			if err := s.write(run); err != nil {
				return err
			}
			sub.cursor.advance(len(run))
			continue
		}
		if sub.asked.Load() {
			sub.tell()
		}
		if end != nil {
			return s.sendLast(end)
		}
		s.rest()
	}
}

func (s *Stream) sendLast(end *ending) error {
	if err := s.write(end.last); err != nil {
		return err
	}
	if s.encoder != nil {
		if err := s.put(s.encoder.trailer()); err != nil {
			return err
		}
	}
	return end.cause
}

// sendPieces hands the pieces to send, those that are read in parts part by part, and lets go of each. It stops where the
// stream may end once it is to end, and returns the order.
func (s *Stream) sendPieces(pieces []Piece, send func(Piece) error) (*ending, error) {
	for i := range pieces {
		for p := pieces[i]; ; {
			if end := s.ending.Load(); end != nil {
				return end, nil
			}
			again, err := s.sendOrNext(&p, send)
			if err != nil {
				return nil, err
			}
			if !again {
				break
			}
		}
		pieces[i] = Piece{}
	}
	return nil, nil
}

// sendOrNext sends a piece, or as much of one that is read in parts as cannot be sent apart. again reports whether there
// may be more.
func (s *Stream) sendOrNext(p *Piece, send func(Piece) error) (again bool, err error) {
	if p.next == nil {
		return false, send(*p)
	}
	for {
		part, err := p.next()
		if err != nil && p.apart && s.ending.Load() != nil {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrLagged, err)
		}
		if len(part) == 0 {
			return false, nil
		}
		if err := send(Piece{frames: part, apart: p.apart}); err != nil {
			return false, err
		}
		runtime.Gosched() // a crowd that begins at once should not delay everything else
		if p.apart {
			return true, nil
		}
	}
}

func (s *Stream) sendPart(p Piece) error {
	if s.encoder != nil && p.packed != nil {
		return s.put(s.encoder.pack(p))
	}
	return s.write(p.frames)
}

// write sends frames. It fails with the reason for which the stream ends.
func (s *Stream) write(frames []byte) error {
	if s.encoder != nil {
		return s.store(frames)
	}
	return s.put(frames)
}

// put sends p as it is. A write that runs out of time goes on as long as the reader takes something.
func (s *Stream) put(p []byte) error {
	for len(p) > 0 {
		s.renewDeadline()
		n, err := s.wire.Write(p[:min(len(p), s.piece())])
		s.sent.Add(int64(n))
		s.moved += n
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return s.reason(err)
		}
	}
	return nil
}

// piece is how many bytes are written at once.
func (s *Stream) piece() int {
	if s.raw && !s.final { // at the end, Shutdown has to see in less than a second that something moves
		return maxPiece
	}
	return pace.Piece
}

// rest waits until there may be something to do. The reader has everything until then, and owes no pace for what follows.
func (s *Stream) rest() {
	s.meter.Rest()
	<-s.wake
}

// renewDeadline gives the next write its deadline. From the order to end it gives the whole timeout once, and then no more:
// that bounds all that is still to be sent.
func (s *Stream) renewDeadline() {
	if s.final {
		return
	}
	now := time.Now()
	deadline, again := s.meter.Renew(s.moved, now)
	s.moved = 0
	if s.final = s.ending.Load() != nil; s.final {
		deadline, again = now.Add(s.group.writeTimeout()), true
	}
	if again {
		_ = s.wire.SetWriteDeadline(deadline) // where it fails, so does the write
	}
}

// reason says why a write failed.
func (s *Stream) reason(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrStalled, err)
	}
	if end := s.ending.Load(); end != nil {
		return end.cause // the order to end came with a cut
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

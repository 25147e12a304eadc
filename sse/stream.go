package sse

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/pathsync/pathsync/sse/coding"
)

// Causes of the end of a stream, for errors.Is. Start passes one of them, or ErrClosed, to onEnd.
var (
	// ErrEnded means that End was called.
	ErrEnded = errors.New("stream ended by the server")
	// ErrLagged means that the feed has dropped frames that the stream had yet to send.
	ErrLagged = errors.New("reader lags behind the feed")
	// ErrStalled means that the reader read nothing for the group's WriteTimeout, or less than pace.MinRate on average.
	ErrStalled = errors.New("reader stalled")
	// ErrGone means that the reader has closed the connection, or that the connection broke.
	ErrGone = errors.New("reader gone")
	// ErrUnexpectedData means that the reader sent more data after its request than it may.
	ErrUnexpectedData = errors.New("reader sent data after its request")
)

// Stream is the connection of one reader. Group.Open makes it, and Start or StartMux starts it.
type Stream struct {
	group     *Group
	conn      conn
	socket    socket // conn, if a poller watches it
	resumable bool   // a write that times out can be continued
	chunked   bool   // the body has the chunked transfer coding, and the stream writes it

	beginning     *beginning      // nil after it has been sent, so that its memory is freed
	subscriptions []subscription  // one for each feed; own[:] for a single feed
	own           [1]subscription // avoids an allocation
	mux           *mux            // of several feeds; nil for a single feed
	encoder       coding.Encoder  // nil: not compressed
	transfer      *transfer       // nil while nothing is sent

	state  atomic.Uint32 // owned, ownedWoken or idle
	next   *Stream       // in the queue of the pump, which guards it
	wakeup chan struct{} // if the handler serves the stream instead: has a token when there may be something to do
	ending atomic.Pointer[ending]
	sent   atomic.Int64 // bytes

	onEnd   func(cause error)
	watched chan struct{} // closed when the goroutine that watches the connection has ended; nil: a poller watches it

	slot int // index in Group.streams; the group's lock guards it
}

// beginning is what a stream sends before it follows its feeds.
type beginning struct {
	head    []byte // the response's head, if the stream sends it, and the header of the encoder
	prelude []Piece
}

// ending is the request to end a stream.
type ending struct {
	cause error
	last  []byte // frame
}

// Start sends the prelude and then follows the feed from a position, until the stream ends.
//
// If the connection is hijacked, Start returns at once; otherwise it returns when the stream has ended. A handler returns
// after Start in either case. onEnd is called exactly once with the cause, after the connection has been closed and all
// goroutines of the stream have ended. Every stream that Open returns must be started once.
func (s *Stream) Start(prelude []Piece, feed *Feed, from Position, onEnd func(cause error)) {
	s.beginning.prelude = prelude
	s.subscriptions = s.own[:]
	s.own[0].cursor = cursor{feed: feed, pos: from}
	s.start(onEnd)
}

// SendLater adds a part that the stream sends later. It must be called before Start; StartMux has Source.Later.
func (s *Stream) SendLater(l *Later) { s.own[0].setLater(l) }

// start starts the stream with the cursors of its subscriptions.
func (s *Stream) start(onEnd func(cause error)) {
	if !s.group.add(s) {
		s.conn.end()
		s.release()
		onEnd(ErrClosed)
		return
	}
	s.onEnd = onEnd
	if s.socket.poller == nil {
		s.watched = make(chan struct{})
		go s.watch()
	}
	subscribed := s.subscribe()
	if s.wakeup == nil {
		go s.run(subscribed)
		return
	}
	s.run(subscribed)
}

// End ends the stream with ErrEnded. The stream stops its prelude after the current piece or part; if it has sent the
// prelude, it sends what is pending. Then it sends the last frame, if there is one. All of that must be done within the
// group's WriteTimeout, so that a reader that loses its permission cannot delay the end. End does not block.
func (s *Stream) End(last []byte) { s.finish(ErrEnded, last) }

// Sent returns the bytes that have been written to the connection. If net/http sends the head of the response, Sent does not
// include it.
func (s *Stream) Sent() int64 { return s.sent.Load() }

// finish requests the end. Only the first request counts.
func (s *Stream) finish(cause error, last []byte) {
	s.ending.CompareAndSwap(nil, &ending{cause: cause, last: last})
	s.wake()
}

// run sends the stream from its beginning. subscribed is the result of subscribe.
func (s *Stream) run(subscribed error) { s.paused(s.begin(subscribed)) }

// resume continues a stream that was idle.
func (s *Stream) resume() { s.paused(s.follow()) }

// paused ends the stream if there is a cause. Otherwise the stream is idle, and may have another owner already.
func (s *Stream) paused(cause error) {
	if cause == nil {
		return
	}
	s.unsubscribe(len(s.subscriptions))
	s.conn.end()
	if s.watched != nil {
		<-s.watched
	}
	s.release()
	s.onEnd(cause)
	s.group.remove(s)
}

// release drops the references to feeds. A caller that keeps the stream does not keep their memory.
func (s *Stream) release() {
	if s.mux != nil {
		s.mux.release()
	}
	s.endLaters()
	s.beginning, s.mux = nil, nil
	clear(s.subscriptions)
}

// watch ends the stream when the reader is gone. It returns then, or when the connection has been ended.
func (s *Stream) watch() {
	defer close(s.watched)
	s.conn.watch(func(cause error) { s.finish(cause, nil) })
}

// begin sends the head and the prelude and then follows the feeds. It returns as follow does.
func (s *Stream) begin(subscribed error) error {
	if err := s.writeConn(s.beginning.head); err != nil {
		return err
	}
	s.beginning.head = nil
	if subscribed != nil {
		return subscribed
	}
	if end, err := s.sendPieces(s.beginning.prelude, s.sendPiece); err != nil {
		return err
	} else if end != nil {
		return s.sendLast(end)
	}
	s.beginning = nil
	if s.mux != nil {
		return s.mux.run()
	}
	return s.follow()
}

// follow sends the frames of the feeds. It returns the cause of the stream's end, or nil if the stream is idle.
func (s *Stream) follow() error {
	if s.mux != nil {
		return s.mux.follow()
	}
	sub := &s.subscriptions[0]
	for {
		// Read ending before pending: frames that were appended before the request to end are then sent, too.
		end := s.ending.Load()
		run, err := sub.pending()
		if err != nil {
			return err
		}
		if len(run) > 0 {
			began := sub.startWrite()
			if err := s.write(run); err != nil {
				return err
			}
			sub.endWrite(began)
			sub.cursor.advance(len(run))
			continue
		}
		sub.recordLatency()
		if end != nil {
			return s.sendLast(end)
		}
		if sub.isLaterDue() {
			if err := s.sendLater(sub, s.sendPiece); err != nil {
				return err
			}
			continue
		}
		if s.rest() {
			return nil
		}
	}
}

// sendLast sends the last frame and the end of the body. A stream that ends without it was aborted.
func (s *Stream) sendLast(end *ending) error {
	if err := s.write(end.last); err != nil {
		return err
	}
	if s.encoder != nil {
		if err := s.writeCoded(s.encoder.Trailer()); err != nil {
			return err
		}
	}
	if s.chunked {
		if err := s.writeConn([]byte(lastChunk)); err != nil {
			return err
		}
	}
	return end.cause
}

// sendPieces passes pieces, or parts of them, to send and drops its reference to each. It stops where the stream may end once
// the end is requested, and returns the request.
func (s *Stream) sendPieces(pieces []Piece, send func(Piece) error) (*ending, error) {
	for i := range pieces {
		for p := pieces[i]; ; {
			if end := s.ending.Load(); end != nil {
				return end, nil
			}
			more, err := s.sendNext(&p, send)
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
		}
		pieces[i] = Piece{}
	}
	return nil, nil
}

// sendNext sends a piece: all of it, or one part if its parts are whole frames. more reports whether there may be another
// part.
func (s *Stream) sendNext(p *Piece, send func(Piece) error) (more bool, err error) {
	if p.next == nil {
		return false, send(*p)
	}
	for {
		part, err := p.next()
		if err != nil && p.whole && s.ending.Load() != nil {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrLagged, err)
		}
		if len(part) == 0 {
			return false, nil
		}
		if err := send(Piece{frames: part, whole: p.whole}); err != nil {
			return false, err
		}
		runtime.Gosched() // many streams that start at once should not delay everything else
		if p.whole {
			return true, nil
		}
	}
}

func (s *Stream) sendPiece(p Piece) error {
	switch {
	case s.encoder != nil && p.block != nil:
		return s.writeCoded(s.encoder.Compressed(p.block))
	case p.whole:
		return s.write(p.frames)
	default:
		return s.writeText(p.frames)
	}
}

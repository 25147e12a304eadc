package sse

import (
	"bytes"
	"time"
)

// Source is one of several feeds that a stream follows.
type Source struct {
	Feed    *Feed
	Prelude []Piece  // sent before the frames of the feed
	From    Position // in the feed
	Later   *Later   // sent later; nil: nothing
}

// AppendIDFunc appends the id of an event to dst. In a stream of several sources, the id names the position in all of them;
// id is the event's own, with the position in its source. It is called for each event that has an id, in the order of the
// stream, by one goroutine.
type AppendIDFunc func(dst []byte, source int, id []byte) []byte

// StartMux is Start for several feeds. The stream sends the prelude, then the preludes of the sources in their order, then
// the frames of all feeds. appendID replaces the ids of events; all other bytes are shared with other streams. The stream ends
// when the first feed is closed, or when it lags behind one of them.
func (s *Stream) StartMux(prelude []Piece, sources []Source, appendID AppendIDFunc, onEnd func(cause error)) {
	m := &mux{stream: s, appendID: appendID, preludes: make([][]Piece, len(sources))}
	s.beginning.prelude, s.mux = prelude, m
	s.subscriptions = make([]subscription, len(sources))
	for i, source := range sources {
		m.preludes[i] = source.Prelude
		s.subscriptions[i].cursor = cursor{feed: source.Feed, pos: source.From}
		s.subscriptions[i].setLater(source.Later)
	}
	s.start(onEnd)
}

// maxCopied is the largest frame that is copied into a buffer, in bytes. Small frames are copied together with their new ids,
// so that everything pending in all feeds is one write. A larger frame is a write of its own.
const maxCopied = 4 << 10

// mux sends the frames of several sources on one stream. It needs memory only while it sends.
type mux struct {
	stream   *Stream
	appendID AppendIDFunc
	preludes [][]Piece // of each source; nil after they have been sent
	buffer   *[]byte   // nil: empty
	lastSent time.Time // of a feed's frame; zero: none
}

// run sends the preludes and follows the feeds.
func (m *mux) run() error {
	for source, pieces := range m.preludes {
		end, err := m.stream.sendPieces(pieces, func(p Piece) error { return m.addPiece(source, p) })
		if err != nil {
			return err
		}
		if end != nil {
			return m.sendLast(end)
		}
	}
	if err := m.flush(); err != nil {
		return err
	}
	m.preludes = nil
	return m.follow()
}

// follow is Stream.follow.
func (m *mux) follow() error {
	for {
		end := m.stream.ending.Load() // before pending, as in Stream.follow
		idle, err := m.sendPending()
		if err != nil {
			return err
		}
		if !idle {
			continue
		}
		for i := range m.stream.subscriptions {
			m.stream.subscriptions[i].recordLatency()
		}
		if end != nil {
			return m.sendLast(end)
		}
		if sent, err := m.sendLater(); sent || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if m.stream.rest() {
			return nil
		}
	}
}

// sendLater sends the later parts that are due. sent reports whether there were any.
func (m *mux) sendLater() (sent bool, err error) {
	for i := range m.stream.subscriptions {
		sub := &m.stream.subscriptions[i]
		if !sub.isLaterDue() {
			continue
		}
		sent = true
		if err := m.stream.sendLater(sub, func(p Piece) error { return m.addPiece(i, p) }); err != nil {
			return sent, err
		}
	}
	return sent, m.flush()
}

// sendPending sends the pending bytes of one segment of each feed. idle reports that there were none.
func (m *mux) sendPending() (idle bool, err error) {
	idle = true
	for i := range m.stream.subscriptions {
		sub := &m.stream.subscriptions[i]
		run, err := sub.pending()
		if err != nil {
			return false, err
		}
		if len(run) == 0 {
			continue
		}
		idle = false
		if err := m.addFrames(i, run); err != nil {
			return false, err
		}
		sub.cursor.advance(len(run))
	}
	return idle, m.flush()
}

// addFrames adds whole frames of one source. The next flush sends them at the latest.
func (m *mux) addFrames(source int, frames []byte) error {
	for len(frames) > 0 {
		var text []byte
		text, frames = cutChunk(frames)
		if m.redundant(source, text) {
			continue
		}
		if err := m.addText(source, text); err != nil {
			return err
		}
	}
	return nil
}

// addPiece adds a piece of a source's prelude, or a part of one. Compressed pieces, and parts that are not whole frames, have
// no ids to replace.
func (m *mux) addPiece(source int, piece Piece) error {
	if piece.whole && (m.stream.encoder == nil || piece.block == nil) {
		return m.addFrames(source, piece.frames)
	}
	if err := m.flush(); err != nil {
		return err
	}
	return m.stream.sendPiece(piece)
}

// addText adds the text of a frame.
func (m *mux) addText(source int, text []byte) error {
	if m.buffer == nil {
		m.buffer = m.stream.group.buffer()
	}
	id, rest := cutID(text)
	if id != nil {
		*m.buffer = append(*m.buffer, idField...)
		*m.buffer = m.appendID(*m.buffer, source, id)
		*m.buffer = append(*m.buffer, '\n')
	}
	if len(rest) > maxCopied {
		if err := m.flush(); err != nil {
			return err
		}
		return m.write(rest)
	}
	*m.buffer = append(*m.buffer, rest...)
	if len(*m.buffer) > bufferSize-2*maxCopied {
		return m.flush()
	}
	return nil
}

// flush sends the buffer.
func (m *mux) flush() error {
	if m.buffer == nil {
		return nil
	}
	defer m.release()
	return m.write(*m.buffer)
}

func (m *mux) write(text []byte) error {
	if m.preludes == nil { // preludes are not frames of a feed
		m.lastSent = time.Now()
	}
	return m.stream.writeText(text)
}

func (m *mux) release() {
	if m.buffer != nil {
		m.stream.group.buffers.Put(m.buffer)
		m.buffer = nil
	}
}

// redundant reports whether the text of a frame is a heartbeat that is not needed, because another feed has sent a frame. Each feed has a
// heartbeat timer, and the feed with the latest frame sends a heartbeat in time. Before the first frame of a feed, no
// heartbeat is redundant.
func (m *mux) redundant(source int, text []byte) bool {
	if beat, _ := cutChunk(heartbeat); !bytes.Equal(text, beat) {
		return false
	}
	interval := m.stream.subscriptions[source].cursor.feed.heartbeat
	return m.buffer != nil || time.Since(m.lastSent) < interval*3/4 // the buffer has a frame of another feed
}

func (m *mux) sendLast(end *ending) error {
	if err := m.flush(); err != nil {
		return err
	}
	return m.stream.sendLast(end)
}

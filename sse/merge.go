package sse

import (
	"bytes"
	"time"
)

// Source is one of several feeds that a stream follows.
type Source struct {
	Feed    *Feed
	Prelude []Piece  // sent before what the feed has
	From    Position // in the feed
}

// Naming appends an id to dst: that of an event in a stream of several sources, where the event's own id says only how
// far one of them is. It is asked for each event that has an id, in the order in which they are sent, by one goroutine.
type Naming func(dst []byte, source int, id []byte) []byte

// StartMerged is Start for several feeds. The prelude is sent as it is, then those of the sources one after the other,
// and then whatever any of the feeds has. Events get their ids from name, and are otherwise the bytes that all readers
// share. The stream ends with the first feed that is closed, or that it lags behind.
func (s *Stream) StartMerged(prelude []Piece, sources []Source, name Naming, onEnd func(cause error)) {
	m := &merger{stream: s, name: name, preludes: make([][]Piece, len(sources))}
	s.prelude, s.merge = prelude, m
	s.subscriptions = make([]subscription, len(sources))
	for i, from := range sources {
		m.preludes[i] = from.Prelude
		s.subscriptions[i].cursor = cursor{feed: from.Feed, pos: from.From}
	}
	s.start(onEnd)
}

// Events get their new ids while they are copied, so that what is pending in several feeds is still one write. Larger
// frames are not copied: they follow their id in a write of their own.
const (
	mergeBuffer = 16 << 10
	maxCopied   = 4 << 10
)

// merger sends the frames of several sources over one stream. It has memory only while it is sending.
type merger struct {
	stream   *Stream
	name     Naming
	preludes [][]Piece // of each source; nil once they are sent
	buffer   *[]byte   // nil when nothing waits in it
	spoke    time.Time // when something of a feed was last sent; zero: not yet
}

// run sends the preludes, and then what is in the feeds.
func (m *merger) run() error {
	defer m.release()
	for source, pieces := range m.preludes {
		end, err := m.stream.sendPieces(pieces, func(p Piece) error { return m.relayPiece(source, p) })
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

// follow sends what is in the feeds from the cursors on.
func (m *merger) follow() error {
	for {
		end := m.stream.ending.Load() // before what is pending, as a stream of one feed does
		idle, err := m.round()
		if err != nil {
			return err
		}
		if !idle {
			continue
		}
		m.stream.tellAll()
		if end != nil {
			return m.sendLast(end)
		}
		m.stream.rest()
	}
}

// round sends what each of the feeds has pending in one piece. It is idle when none has anything.
func (m *merger) round() (idle bool, err error) {
	idle = true
	for i := range m.stream.subscriptions {
		at := &m.stream.subscriptions[i].cursor
		run, err := at.pending()
		if err != nil {
			return false, err
		}
		if len(run) == 0 {
			continue
		}
		idle = false
		if err := m.relay(i, run); err != nil {
			return false, err
		}
		at.advance(len(run))
	}
	return idle, m.flush()
}

// relay takes in whole frames of one source. They are sent with the next flush at the latest.
func (m *merger) relay(source int, frames []byte) error {
	for len(frames) > 0 {
		frame := firstFrame(frames)
		frames = frames[len(frame):]
		if m.superfluous(source, frame) {
			continue
		}
		if err := m.add(source, frame); err != nil {
			return err
		}
	}
	return nil
}

// relayPiece takes in a piece of a source's prelude, or a part of one. Those that are packed, or are not whole frames, have
// no ids to be changed.
func (m *merger) relayPiece(source int, piece Piece) error {
	if piece.apart && (m.stream.encoder == nil || piece.packed == nil) {
		return m.relay(source, piece.frames)
	}
	if err := m.flush(); err != nil {
		return err
	}
	return m.stream.sendPart(piece)
}

func (m *merger) add(source int, frame []byte) error {
	if m.buffer == nil {
		m.buffer = m.stream.group.buffer()
	}
	id, rest := cutID(frame)
	if id != nil {
		*m.buffer = append(*m.buffer, idField...)
		*m.buffer = m.name(*m.buffer, source, id)
		*m.buffer = append(*m.buffer, '\n')
	}
	if len(rest) > maxCopied {
		if err := m.flush(); err != nil {
			return err
		}
		return m.send(rest)
	}
	*m.buffer = append(*m.buffer, rest...)
	if len(*m.buffer) > mergeBuffer-2*maxCopied {
		return m.flush()
	}
	return nil
}

// flush sends what has been taken in.
func (m *merger) flush() error {
	if m.buffer == nil {
		return nil
	}
	defer m.release()
	return m.send(*m.buffer)
}

func (m *merger) send(frames []byte) error {
	if m.preludes == nil { // what comes before was not said by a feed
		m.spoke = time.Now()
	}
	return m.stream.write(frames)
}

func (m *merger) release() {
	if m.buffer != nil {
		m.stream.group.buffers.Put(m.buffer)
		m.buffer = nil
	}
}

// superfluous tells heartbeats that need not be sent, since another feed has broken the silence. Each feed has a pulse of
// its own, and the one that spoke last beats when the silence has lasted. So one is left out only where another comes in
// time: as long as no feed has spoken, none is.
func (m *merger) superfluous(source int, frame []byte) bool {
	silence := m.stream.subscriptions[source].cursor.feed.heartbeat
	return bytes.Equal(frame, heartbeat) && time.Since(m.spoke) < silence*3/4
}

func (m *merger) sendLast(end *ending) error {
	if err := m.flush(); err != nil {
		return err
	}
	return m.stream.sendLast(end)
}

// tellAll answers what any feed has asked.
func (s *Stream) tellAll() {
	for i := range s.subscriptions {
		if sub := &s.subscriptions[i]; sub.asked.Load() {
			sub.tell()
		}
	}
}

// buffer returns empty memory for frames.
func (g *Group) buffer() *[]byte {
	b, _ := g.buffers.Get().(*[]byte)
	if b == nil {
		b = new([]byte)
		*b = make([]byte, 0, mergeBuffer)
	}
	*b = (*b)[:0]
	return b
}

// firstFrame returns the first of some whole frames.
func firstFrame(frames []byte) []byte {
	if end := bytes.Index(frames, []byte("\n\n")); end >= 0 {
		return frames[:end+2]
	}
	return frames
}

// cutID splits a frame that AppendEvent made into its id, nil if it has none, and the frame without it.
func cutID(frame []byte) (id, rest []byte) {
	line, rest, _ := bytes.Cut(frame, []byte("\n"))
	if id, ok := bytes.CutPrefix(line, []byte(idField)); ok {
		return id, rest
	}
	return nil, frame
}

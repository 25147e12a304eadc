package sse

import "sync"

// Piece is one of several that a stream sends first: whole frames, which are neither copied nor changed, and may be shared
// by many streams; or a source of such.
type Piece struct {
	frames []byte
	packed *packed // nil: not worth it
	next   Next    // not nil: the piece is read in parts, and frames is empty
	apart  bool    // it, or each of its parts, is whole frames
}

// Next returns the next part of a piece, and nothing at its end. It is called by the stream's goroutine when the part
// before has been sent, so that a reader who takes nothing holds one part. The bytes are neither copied nor changed. An
// error ends the stream with ErrLagged.
type Next func() ([]byte, error)

// Frames makes a piece that is read in parts, each of which is whole frames.
func Frames(next Next) Piece { return Piece{next: next, apart: true} }

// Parts makes a piece that is read in parts, which are whole frames together. None of these may have an id, and once the
// first part is sent, the stream does not end before the last.
func Parts(next Next) Piece { return Piece{next: next} }

// Plain makes pieces that every stream sends as they are.
func Plain(frames ...[]byte) []Piece {
	pieces := make([]Piece, len(frames))
	for i, f := range frames {
		pieces[i] = Piece{frames: f, apart: true}
	}
	return pieces
}

// Packable makes a piece that is compressed once, for all streams of an encoding that send it: by the first of them. Its
// events must have no id.
func Packable(frames []byte) Piece {
	if len(frames) < minPacked {
		return Piece{frames: frames, apart: true}
	}
	return Piece{frames: frames, apart: true, packed: &packed{
		gzip: sync.OnceValue(func() []byte { return deflate(frames) }),
		zstd: sync.OnceValue(func() []byte { return squeeze(frames) }),
	}}
}

// Len is how many bytes a piece is, uncompressed. It is 0 for one that is read in parts.
func (p Piece) Len() int { return len(p.frames) }

// minPacked is the least that is compressed. Below, there is nothing to gain that a packet on the network would show.
const minPacked = 1 << 10

// packed is frames, compressed in each encoding that some reader has asked for.
type packed struct {
	gzip, zstd func() []byte
}

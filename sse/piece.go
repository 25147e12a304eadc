package sse

import "sync"

// Piece is a part of what a stream sends first: whole frames, which are neither copied nor changed, and may be shared by
// many streams.
type Piece struct {
	frames []byte
	packed *packed // nil: not worth it
}

// Plain makes pieces that every stream sends as they are.
func Plain(frames ...[]byte) []Piece {
	pieces := make([]Piece, len(frames))
	for i, f := range frames {
		pieces[i].frames = f
	}
	return pieces
}

// Packable makes a piece that is compressed once, for all streams of an encoding that send it: by the first of them. Its
// events must have no id.
func Packable(frames []byte) Piece {
	if len(frames) < minPacked {
		return Piece{frames: frames}
	}
	return Piece{frames, &packed{
		gzip: sync.OnceValue(func() []byte { return deflate(frames) }),
		zstd: sync.OnceValue(func() []byte { return squeeze(frames) }),
	}}
}

// Len is how many bytes a piece is, uncompressed.
func (p Piece) Len() int { return len(p.frames) }

// minPacked is the least that is compressed. Below, there is nothing to gain that a packet on the network would show.
const minPacked = 1 << 10

// packed is frames, compressed in each encoding that some reader has asked for.
type packed struct {
	gzip, zstd func() []byte
}

package sse

import "github.com/pathsync/pathsync/sse/coding"

// Piece is one of the pieces that a stream sends before it follows its feed: whole frames, or a function that returns them in
// parts. The bytes are neither copied nor changed, and many streams may share them.
type Piece struct {
	frames []byte
	block  *coding.Block // frames for compressed streams; nil: not worth compressing
	next   Next          // if not nil, it returns the piece in parts, and frames is empty
	whole  bool          // frames, or each part, consists of whole frames; otherwise it is text
}

// Next returns the next part of a piece, or nothing at its end. The stream's goroutine calls it after the previous part has
// been sent, so a reader that reads nothing holds one part in memory. The bytes are neither copied nor changed. An error ends
// the stream with ErrLagged.
type Next func() ([]byte, error)

// Frames returns a piece that is read in parts, each of which consists of whole frames.
func Frames(next Next) Piece { return Piece{next: next, whole: true} }

// Parts returns a piece that is read in parts, which together are the text of an event without an id. Once the first part is
// sent, the stream does not end before the last one.
func Parts(next Next) Piece { return Piece{next: next} }

// Plain returns pieces that are not compressed in advance.
func Plain(frames ...[]byte) []Piece {
	pieces := make([]Piece, len(frames))
	for i, f := range frames {
		pieces[i] = Piece{frames: f, whole: true}
	}
	return pieces
}

// Compressible returns a piece that is compressed once for all streams with the same content coding, by the first of them.
// The frames must have no id. Compressible joins them in their memory, so the caller must not use them any more.
func Compressible(frames []byte) Piece {
	p := Piece{frames: joinChunks(frames), whole: true}
	if len(frames) >= minCompressed {
		text, _ := cutChunk(p.frames)
		p.block = coding.NewBlock(text)
	}
	return p
}

// minCompressed is the smallest size that is compressed, in bytes. Below it, compression saves no network packet.
const minCompressed = 1 << 10

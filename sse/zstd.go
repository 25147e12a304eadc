package sse

import (
	"bytes"

	"github.com/klauspost/compress/zstd"
)

// zstandard writes a stream as one zstd frame (RFC 8878): some decoders, that of Node among them, lose what comes behind
// the end of a frame. Text is in raw blocks. A decoder hands out a block as soon as it has all of it.
type zstandard struct{}

const (
	zstdHeader = "\x28\xb5\x2f\xfd\x00\x38" // of a frame with the window below, and without length and checksum
	zstdWindow = 128 << 10                  // what a decoder has to remember, and the largest block

	zstdOverhead = 3 // of text that is stored
)

func (zstandard) name() string   { return "zstd" }
func (zstandard) header() string { return zstdHeader }

func (zstandard) store(dst, text []byte) []byte {
	return append(appendBlockHead(dst, len(text), false), text...)
}

func (zstandard) pack(p Piece) []byte { return p.packed.zstd() }

func (zstandard) trailer() []byte { return appendBlockHead(nil, 0, true) }

// appendBlockHead appends what is before a raw block.
func appendBlockHead(dst []byte, length int, last bool) []byte {
	head := length << 3
	if last {
		head |= 1
	}
	return append(dst, byte(head), byte(head>>8), byte(head>>16))
}

// squeeze compresses text for many: fast, since the first of them waits for it. The blocks stand for themselves, and can
// stand anywhere in a stream, which zstd does not grant: a block may say that a match is as far back as one of the last
// three. This encoder says it only of matches in the same block: TestAPieceDecodesBehindAnyOther.
func squeeze(text []byte) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	_, _ = w.Write(text) // a bytes.Buffer takes everything
	_ = w.Flush()        // which ends no frame
	return b.Bytes()[len(zstdHeader):]
}

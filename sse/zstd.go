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

// squeeze compresses text for many: fast, since the first of them waits for it. The result can stand anywhere in a stream.
//
// It is what an encoder writes at the beginning of a frame of its own. Blocks that begin a frame rely on nothing before
// them but the first three repeated offsets, 1, 4 and 8 (RFC 8878, section 3.1.1.5): a block must not ask for the tables of an
// earlier one when there is none, and a match does not reach beyond the text. In a stream other pieces may come before, and
// leave other offsets. So each piece begins with resetOffsets. Text that an encoder frames otherwise is stored.
func squeeze(text []byte) []byte {
	return squeezeWith(text, zstd.WithEncoderLevel(zstd.SpeedFastest))
}

func squeezeWith(text []byte, level zstd.EOption) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, level, zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	_, _ = w.Write(text) // a bytes.Buffer takes everything
	_ = w.Flush()        // which ends no frame
	if blocks, ok := cutFrameHeader(b.Bytes()); ok {
		return append([]byte(resetOffsets), blocks...)
	}
	return storeBlocks(text)
}

// cutFrameHeader returns the blocks of a frame, if they can be read in a frame with zstdHeader: with a window that is no
// larger, no dictionary and no checksum behind them.
func cutFrameHeader(frame []byte) (blocks []byte, ok bool) {
	var h zstd.Header
	if h.Decode(frame) != nil || h.Skippable || h.SingleSegment || h.WindowSize > zstdWindow || h.DictionaryID != 0 || h.HasCheckSum {
		return nil, false
	}
	return frame[h.HeaderSize:], true
}

func storeBlocks(text []byte) (blocks []byte) {
	for len(text) > 0 {
		part := text[:min(len(text), zstdWindow)]
		text = text[len(part):]
		blocks = zstandard{}.store(blocks, part)
	}
	return blocks
}

// resetOffsets is two compressed blocks after which the repeated offsets are 1, 4 and 8, as at the beginning of a frame. Their
// text is resetText, an SSE comment. Every sequence names its offset, so that nothing is taken from before; literals are raw,
// and each table has one symbol (RLE_Mode), so that the bit stream has only the extra bits of the offsets.
const resetOffsets = "" +
	"\x84\x00\x00" + // a compressed block of 16 bytes
	"\x48:........" + // 9 raw literals
	"\x01\x54\x09\x03\x00" + // 1 sequence; RLE tables: literal length 9, offset code 3, match length 3
	"\x0b" + // offset value 8+3, which is an offset of 8
	"\x4c\x00\x00" + // a compressed block of 9 bytes
	"\x10\n\n" + // 2 raw literals
	"\x02\x54\x00\x02\x00" + // 2 sequences; literal length 0, offset code 2, match length 3
	"\x1c" // offset values 4+3 and 4+0, which are offsets of 4 and 1

// resetText is what resetOffsets decodes to.
const resetText = ":.................\n\n"

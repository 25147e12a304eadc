package coding

import (
	"bytes"

	"github.com/klauspost/compress/zstd"
)

// zstdEncoder writes a stream as a single zstd frame (RFC 8878): some decoders, such as Node's, lose what follows the end of
// a frame. Stored text is in raw blocks. A decoder returns a block as soon as it has all of it.
type zstdEncoder struct{}

const (
	zstdHeader = "\x28\xb5\x2f\xfd\x00\x38" // a frame with the window below, without content size and checksum
	zstdWindow = 128 << 10                  // memory of a decoder, and the largest block, in bytes

	zstdOverhead = 3
)

func (zstdEncoder) Name() string   { return "zstd" }
func (zstdEncoder) Header() string { return zstdHeader }

func (zstdEncoder) AppendStored(dst, text []byte) []byte {
	return append(appendRawHeader(dst, len(text), false), text...)
}

func (zstdEncoder) Compressed(b *Block) []byte { return b.zstd() }

func (zstdEncoder) Trailer() []byte { return appendRawHeader(nil, 0, true) }

// appendRawHeader appends the header of a raw block.
func appendRawHeader(dst []byte, length int, last bool) []byte {
	header := length << 3
	if last {
		header |= 1
	}
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}

// compressZstd compresses text into blocks that can stand anywhere in a stream. It prefers speed, because the first stream
// waits for the result.
//
// The blocks are those that an encoder writes at the beginning of a frame. They depend on nothing before them except the
// first three repeated offsets, 1, 4 and 8 (RFC 8878, section 3.1.1.5): a block must not use the tables of an earlier block
// that does not exist, and no match reaches beyond the text. In a stream, earlier blocks may leave other offsets, so the
// result begins with resetOffsets. If an encoder writes another kind of frame, the text is stored.
func compressZstd(text []byte) []byte {
	return compressZstdAt(text, zstd.WithEncoderLevel(zstd.SpeedFastest))
}

func compressZstdAt(text []byte, level zstd.EOption) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, level, zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	_, _ = w.Write(text) // a bytes.Buffer returns no error
	_ = w.Flush()        // does not end the frame
	if blocks, ok := cutFrameHeader(b.Bytes()); ok {
		return append([]byte(resetOffsets), blocks...)
	}
	return rawBlocks(text)
}

// cutFrameHeader returns the blocks of a frame, if they are valid in a frame with zstdHeader: the window is not larger, and
// there is neither a dictionary nor a checksum.
func cutFrameHeader(frame []byte) (blocks []byte, ok bool) {
	var h zstd.Header
	if h.Decode(frame) != nil || h.Skippable || h.SingleSegment || h.WindowSize > zstdWindow || h.DictionaryID != 0 || h.HasCheckSum {
		return nil, false
	}
	return frame[h.HeaderSize:], true
}

func rawBlocks(text []byte) (blocks []byte) {
	for len(text) > 0 {
		part := text[:min(len(text), zstdWindow)]
		text = text[len(part):]
		blocks = zstdEncoder{}.AppendStored(blocks, part)
	}
	return blocks
}

// resetOffsets is two compressed blocks that set the repeated offsets to 1, 4 and 8, as at the beginning of a frame. They
// decode to resetText, an SSE comment. Each sequence has an explicit offset, so none depends on earlier blocks. Literals are
// raw, and each table has one symbol (RLE_Mode), so the bit stream has only the extra bits of the offsets.
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

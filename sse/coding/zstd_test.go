package coding

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pathsync/pathsync/internal/testkit"
)

// decode decodes a stream of compressed blocks.
func decode(blocks ...[]byte) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	var e zstdEncoder
	stream := append([]byte(e.Header()), bytes.Join(blocks, nil)...)
	return decoder.DecodeAll(append(stream, e.Trailer()...), nil)
}

// The decoded text of a block must not depend on the blocks before it, because streams share it after different blocks. That
// holds for every level of the encoder; the higher ones use repeated offsets from the start.
func TestBlockDecodesTheSameAfterAnyBlockAtAnyLevel(t *testing.T) {
	for level, streams := range map[zstd.EncoderLevel]int{ // the level in use, and others, whose encoders allocate more
		zstd.SpeedFastest: 60, zstd.SpeedDefault: 10, zstd.SpeedBetterCompression: 10, zstd.SpeedBestCompression: 10,
	} {
		random := rand.New(rand.NewPCG(1, 2))
		for range streams {
			var blocks [][]byte
			var want []byte
			for range 4 {
				text := repetitive(random)
				blocks = append(blocks, compressZstdAt(text, zstd.WithEncoderLevel(level)))
				want = append(append(want, resetText...), text...)
				stored := []byte("stored between")
				blocks, want = append(blocks, zstdEncoder{}.AppendStored(nil, stored)), append(want, stored...)
			}
			got, err := decode(blocks...)
			if err != nil {
				t.Fatal(level, err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v: the stream decodes to another text", level)
			}
		}
	}
}

// The sequence of a hand-made block uses one of the repeated offsets that a frame begins with.
func TestResetRestoresTheOffsetsOfANewFrame(t *testing.T) {
	const literals = "abcdefghijklmno" // 15, the most without extra bits
	for value, offset := range map[byte]int{1: 1, 2: 4, 3: 8} {
		code, bits := byte(1), 0b10|value&1 // offset values 2 and 3 have one extra bit
		if value == 1 {
			code, bits = 0, 1
		}
		body := append([]byte{byte(len(literals) << 3)}, literals...)
		body = append(body, 1, 0x54, byte(len(literals)), code, 0, bits)
		block := append([]byte{byte(len(body)<<3) | 4, byte(len(body) >> 5), 0}, body...)
		want := literals
		for range 3 { // the match
			want += want[len(want)-offset:][:1]
		}
		disturbed := compressZstdAt([]byte(strings.Repeat("twenty-three characters.", 40)), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		for name, before := range map[string][]byte{"a new frame": nil, "a reset": append(disturbed, resetOffsets...)} {
			got, err := decode(before, block)
			if err != nil {
				t.Fatalf("offset %d after %s: %v", offset, name, err)
			}
			if !bytes.HasSuffix(got, []byte(want)) {
				t.Errorf("offset %d after %s: %q", offset, name, got[max(0, len(got)-25):])
			}
		}
	}
}

func TestResetDecodesToAnSSEComment(t *testing.T) {
	got, err := decode([]byte(resetOffsets))
	if err != nil || string(got) != resetText {
		t.Fatalf("%q, %v", got, err)
	}
	if text, ok := strings.CutSuffix(resetText, "\n\n"); !ok || !strings.HasPrefix(text, ":") || strings.ContainsAny(text, "\r\n") {
		t.Errorf("%q is not a comment", resetText)
	}
}

func TestFrameWithOtherParametersIsStored(t *testing.T) {
	text := []byte(strings.Repeat("some text ", 100))
	for name, options := range map[string][]zstd.EOption{
		"a larger window":  {zstd.WithWindowSize(2 * zstdWindow)},
		"a checksum":       {zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(true)},
		"a single segment": {zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true)},
	} {
		w, err := zstd.NewWriter(nil, options...)
		if err != nil {
			t.Fatal(err)
		}
		if blocks, ok := cutFrameHeader(w.EncodeAll(text, nil)); ok {
			t.Errorf("%s: %d bytes of blocks", name, len(blocks))
		}
	}
	got, err := decode(rawBlocks(testkit.StateEvent(5_000)))
	if err != nil || !bytes.Equal(got, testkit.StateEvent(5_000)) {
		t.Errorf("%d bytes of raw blocks, %v", len(got), err)
	}
}

// repetitive returns text with many matches at short distances, so that repeated offsets occur at its beginning, too.
func repetitive(random *rand.Rand) []byte {
	var text []byte
	for range 1 + random.IntN(40) {
		period := fmt.Sprintf("%08d", random.IntN(100_000_000))[:1+random.IntN(8)]
		text = append(text, bytes.Repeat([]byte(period), 1+random.IntN(60))...)
	}
	return text
}

func TestBlocksNeedNoLargerWindowThanTheStream(t *testing.T) {
	text := testkit.StateEvent(5_000) // several blocks
	var header zstd.Header
	if err := header.Decode([]byte(zstdEncoder{}.Header())); err != nil {
		t.Fatal(err)
	}
	if header.WindowSize != zstdWindow || header.HasCheckSum || header.HasFCS {
		t.Errorf("the header has window %d, checksum %v, content size %v", header.WindowSize, header.HasCheckSum, header.HasFCS)
	}
	got, err := decode(compressZstd(text), compressZstd(text))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(got, text) != 2 {
		t.Error("the stream decodes to another text")
	}
}

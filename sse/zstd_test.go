package sse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// unpack decodes a stream of packed pieces.
func unpack(packed ...[]byte) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	var e zstandard
	stream := append([]byte(e.header()), bytes.Join(packed, nil)...)
	return decoder.DecodeAll(append(stream, e.trailer()...), nil)
}

// What a piece decodes to must not depend on those before it: readers share it, and began with others. That must hold
// with any encoder; those that compress better repeat offsets from the start.
func TestAPieceDecodesBehindAnyOtherWithAnyEncoder(t *testing.T) {
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression, zstd.SpeedBestCompression} {
		random := rand.New(rand.NewPCG(1, 2))
		for range 60 {
			var packed [][]byte
			var want []byte
			for range 4 {
				text := repetitive(random)
				packed = append(packed, squeezeWith(text, zstd.WithEncoderLevel(level)))
				want = append(append(want, resetText...), text...)
				stored := []byte("stored between")
				packed, want = append(packed, zstandard{}.store(nil, stored)), append(want, stored...)
			}
			got, err := unpack(packed...)
			if err != nil {
				t.Fatal(level, err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v: pieces say something else together", level)
			}
		}
	}
}

// The first sequences of a block by hand repeat each of the offsets that a frame begins with.
func TestTheOffsetsAreThoseOfANewFrameAfterTheReset(t *testing.T) {
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
		disturbed := squeezeWith([]byte(strings.Repeat("twenty-three characters.", 40)), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		for name, before := range map[string][]byte{"a new frame": nil, "a reset": append(disturbed, resetOffsets...)} {
			got, err := unpack(before, block)
			if err != nil {
				t.Fatalf("offset %d after %s: %v", offset, name, err)
			}
			if !bytes.HasSuffix(got, []byte(want)) {
				t.Errorf("offset %d after %s: %q", offset, name, got[max(0, len(got)-25):])
			}
		}
	}
}

func TestTheResetIsACommentThatReadersSkip(t *testing.T) {
	got, err := unpack([]byte(resetOffsets))
	if err != nil || string(got) != resetText {
		t.Fatalf("%q, %v", got, err)
	}
	if got := AppendComment(nil, strings.Trim(resetText, ":\n")); !strings.HasPrefix(resetText, ":") || !bytes.HasSuffix(got, []byte("\n\n")) {
		t.Errorf("%q is no comment", resetText)
	}
}

func TestAFrameThatCannotBeJoinedIsNotCut(t *testing.T) {
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
	got, err := unpack(storeBlocks(documents(5_000)))
	if err != nil || !bytes.Equal(got, documents(5_000)) {
		t.Errorf("%d bytes that are stored, %v", len(got), err)
	}
}

// repetitive is text that is full of matches from near, as the first of a piece would be, too.
func repetitive(random *rand.Rand) []byte {
	var text []byte
	for range 1 + random.IntN(40) {
		period := fmt.Sprintf("%08d", random.IntN(100_000_000))[:1+random.IntN(8)]
		text = append(text, bytes.Repeat([]byte(period), 1+random.IntN(60))...)
	}
	return text
}

func TestThePiecesOfAStreamKeepToItsWindow(t *testing.T) {
	text := documents(5_000) // several blocks, of which none could be said to begin a frame
	var header zstd.Header
	if err := header.Decode([]byte(zstandard{}.header())); err != nil {
		t.Fatal(err)
	}
	equal(t, header.WindowSize, zstdWindow)
	equal(t, header.HasCheckSum, false)
	equal(t, header.HasFCS, false)
	got, err := unpack(squeeze(text), squeeze(text))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(got, text) != 2 {
		t.Error("the text is another")
	}
}

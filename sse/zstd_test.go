package sse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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

// What a piece decodes to must not depend on those before it: readers share it, and began with others. With blocks from
// an encoder that repeats offsets from the start, every fourth of these streams says something else.
func TestAPieceDecodesBehindAnyOther(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var packed [][]byte
		var want []byte
		for range 4 {
			text := repetitive(random)
			packed = append(packed, squeeze(text))
			want = append(want, text...)
		}
		got, err := unpack(packed...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatal("pieces say something else together")
		}
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

package sse

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"

	"github.com/pathsync/pathsync/sse/coding"
)

// decoders return the text of a block without reading beyond it.
var decoders = map[string]func(io.Reader) (io.Reader, error){
	"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(&oneByte{r}) },
	"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
}

// inEachEncoding runs a test for each coding, in a synctest bubble.
func inEachEncoding(t *testing.T, test func(t *testing.T, encoding string)) {
	for encoding := range decoders {
		t.Run(encoding, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, encoding) })
		})
	}
}

// compressedPeer starts a compressed stream whose peer reads decoded text. wire receives the encoded bytes.
func compressedPeer(t *testing.T, encoding string, start func(*Stream, func(error))) (p *peer, wire *bytes.Buffer) {
	t.Helper()
	g := &Group{Compress: true}
	p = openFor(t, g, encoding)
	wire = new(bytes.Buffer)
	start(p.stream, func(cause error) { p.ended <- cause })
	p.head(t)
	decoded, err := decoders[encoding](io.TeeReader(p.in, wire))
	if err != nil {
		t.Fatal(err)
	}
	p.eventReader = newEventReader(decoded)
	return p, wire
}

// oneByte is an io.ByteReader without a buffer, so that a decoder reads no byte too early.
type oneByte struct{ io.Reader }

func (r *oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

func TestCompressedStreamDeliversEachEventAtOnce(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		f := NewFeed(FeedConfig{})
		large := strings.Repeat("a state that is large, ", 10_000)
		p, wire := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) {
			s.Start(append(Plain([]byte(text("hello"))), Compressible([]byte(text(large)))), f, 0, onEnd)
		})
		p.expect(t, "hello", large)
		if wire.Len() > len(large)/20 {
			t.Errorf("%d bytes take %d", len(large), wire.Len())
		}
		publish(t, f, "one") // nothing follows before the peer has read it
		p.expect(t, "one")
		stored := strings.Repeat("x", 3*maxGathered)
		publish(t, f, "two", stored)
		p.expect(t, "two", stored)
		f.Close(func(int) []byte { return []byte(text("last")) })
		p.expect(t, "last")
		p.expectEnd(t, ErrClosed) // the decoder has verified the checksum, if there is one
		equal(t, p.lastErr, io.EOF)
		expectOneFrame(t, encoding, wire.Bytes())
	})
}

func TestCompressedStreamOfSeveralFeedsIsOneFrame(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		large := strings.Repeat("a state that is large, ", 10_000)
		p, wire := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) {
			sources := []Source{
				{Feed: a, Prelude: append([]Piece{Compressible([]byte(text(large)))}, Plain(event(t, 3, 0))...)},
				{Feed: b, Prelude: append([]Piece{Compressible([]byte(text(large)))}, Plain(event(t, 4, 0))...)},
			}
			s.StartMux(Plain([]byte(text("hello"))), sources, lastIDs(2), onEnd)
		})
		p.expect(t, "hello", large)
		p.expectIDs(t, "3| 3")
		p.expect(t, large)
		p.expectIDs(t, "3|4 4")
		if wire.Len() > len(large)/10 {
			t.Errorf("%d bytes take %d", 2*len(large), wire.Len())
		}
		mustAppend(t, b, 5, event(t, 5, 2*maxGathered))
		b.Wake()
		p.expectIDs(t, "3|5 5")
		p.stream.End(nil)
		p.expectEnd(t, ErrEnded)
		equal(t, p.lastErr, io.EOF)
		expectOneFrame(t, encoding, wire.Bytes())
	})
}

// expectOneFrame fails unless a stream is one gzip member or one zstd frame: some decoders ignore a second one.
func expectOneFrame(t *testing.T, encoding string, wire []byte) {
	t.Helper()
	header := map[string]string{"gzip": "\x1f\x8b\x08", "zstd": "\x28\xb5\x2f\xfd"}[encoding]
	if n := bytes.Count(wire, []byte(header)); n != 1 || !bytes.HasPrefix(wire, []byte(header)) {
		t.Errorf("it begins with %x and has %d headers", wire[:4], n)
	}
}

func TestEmptyCompressedStreamIsComplete(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		f := NewFeed(FeedConfig{})
		f.Close(nil)
		p, _ := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) { s.Start(nil, f, 0, onEnd) })
		p.expectEnd(t, ErrClosed)
		equal(t, p.lastErr, io.EOF)
	})
}

func TestAbortedCompressedStreamDoesNotDecode(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		f := NewFeed(FeedConfig{})
		p, _ := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) { s.Start(nil, f, 0, onEnd) })
		publish(t, f, "one")
		p.expect(t, "one")
		p.stream.conn.abort()
		p.expectEnd(t, ErrGone)
		equal(t, p.lastErr, io.ErrUnexpectedEOF)
	})
}

func TestSmallPieceIsNotCompressed(t *testing.T) {
	if small := Compressible([]byte(text("small"))); small.block != nil {
		t.Error("it is compressed")
	}
}

func TestDeliveryToCompressedStreamDoesNotAllocate(t *testing.T) {
	run := event(t, 1, 200)
	for _, e := range []coding.Encoder{coding.Negotiate([]string{"gzip"}), coding.Negotiate([]string{"zstd"})} {
		s := &Stream{group: new(Group), conn: nowhere{}, encoder: e, chunked: true}
		if n := testing.AllocsPerRun(1000, func() { _ = s.write(run) }); n >= 1 { // with the race detector, a sync.Pool drops some items
			t.Errorf("%s: it allocates %v times", e.Name(), n)
		}
	}
}

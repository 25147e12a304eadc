package sse

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"
)

// decoders read each encoding with a decoder that hands out a block without asking for more.
var decoders = map[string]func(io.Reader) (io.Reader, error){
	"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(&oneByte{r}) },
	"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
}

// inEachEncoding runs a test in a bubble for each.
func inEachEncoding(t *testing.T, test func(t *testing.T, encoding string)) {
	for encoding := range decoders {
		t.Run(encoding, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, encoding) })
		})
	}
}

// compressedPeer starts a compressed stream, and has the peer read what a decoder makes of it.
func compressedPeer(t *testing.T, encoding string, start func(*Stream, func(error))) (p *peer, wire *bytes.Buffer) {
	t.Helper()
	g := &Group{Compress: true}
	p = openFor(t, g, encoding)
	wire = new(bytes.Buffer)
	start(p.stream, func(cause error) { p.ended <- cause })
	p.head(t)
	if lf, err := p.in.ReadByte(); err != nil || lf != '\n' { // the reader of lines leaves it
		t.Fatal(lf, err)
	}
	decoded, err := decoders[encoding](io.TeeReader(p.in, wire))
	if err != nil {
		t.Fatal(err)
	}
	p.eventReader = newEventReader(decoded)
	return p, wire
}

// oneByte is a reader without buffer for a decoder: it takes no byte before it has to.
type oneByte struct{ io.Reader }

func (r *oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

func TestACompressedStreamIsHandedOutEventByEvent(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		f := NewFeed(FeedConfig{})
		large := strings.Repeat("a state that is large, ", 10_000)
		p, wire := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) {
			s.Start(append(Plain([]byte(text("hello"))), Packable([]byte(text(large)))), f, 0, onEnd)
		})
		p.expect(t, "hello", large)
		if wire.Len() > len(large)/20 {
			t.Errorf("%d bytes take %d", len(large), wire.Len())
		}
		say(t, f, "one") // each is handed out at once: nothing more comes before it is read
		p.expect(t, "one")
		stored := strings.Repeat("x", 3*maxStored)
		say(t, f, "two", stored)
		p.expect(t, "two", stored)
		f.Close(func(int) []byte { return []byte(text("last")) })
		p.expect(t, "last")
		p.expectEnd(t, ErrClosed) // of which the decoder has checked what there is to check
		equal(t, p.lastErr, io.EOF)
		expectOneFrame(t, encoding, wire.Bytes())
	})
}

func TestACompressedStreamOfSeveralFeedsIsOneStream(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		large := strings.Repeat("a state that is large, ", 10_000)
		p, wire := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) {
			sources := []Source{
				{Feed: a, Prelude: append([]Piece{Packable([]byte(text(large)))}, Plain(event(t, 3, 0))...)},
				{Feed: b, Prelude: append([]Piece{Packable([]byte(text(large)))}, Plain(event(t, 4, 0))...)},
			}
			s.StartMerged(Plain([]byte(text("hello"))), sources, lastIDs(2), onEnd)
		})
		p.expect(t, "hello", large)
		p.expectIDs(t, "3| 3")
		p.expect(t, large)
		p.expectIDs(t, "3|4 4")
		if wire.Len() > len(large)/10 {
			t.Errorf("%d bytes take %d", 2*len(large), wire.Len())
		}
		mustAppend(t, b, 5, event(t, 5, 2*maxStored))
		b.Wake()
		p.expectIDs(t, "3|5 5")
		p.stream.End(nil)
		p.expectEnd(t, ErrEnded)
		equal(t, p.lastErr, io.EOF)
		expectOneFrame(t, encoding, wire.Bytes())
	})
}

// expectOneFrame fails unless a stream is one gzip member, or one zstd frame: not all decoders read another.
func expectOneFrame(t *testing.T, encoding string, wire []byte) {
	t.Helper()
	header := map[string]string{"gzip": "\x1f\x8b\x08", "zstd": "\x28\xb5\x2f\xfd"}[encoding]
	if n := bytes.Count(wire, []byte(header)); n != 1 || !bytes.HasPrefix(wire, []byte(header)) {
		t.Errorf("it begins with %x, and has %d headers", wire[:4], n)
	}
}

func TestACompressedStreamOfNothingIsWhole(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		f := NewFeed(FeedConfig{})
		f.Close(nil)
		p, _ := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) { s.Start(nil, f, 0, onEnd) })
		p.expectEnd(t, ErrClosed)
		equal(t, p.lastErr, io.EOF)
	})
}

func TestWhatIsCutDoesNotDecode(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, encoding string) {
		f := NewFeed(FeedConfig{})
		p, _ := compressedPeer(t, encoding, func(s *Stream, onEnd func(error)) { s.Start(nil, f, 0, onEnd) })
		say(t, f, "one")
		p.expect(t, "one")
		p.stream.wire.cut()
		p.expectEnd(t, ErrGone)
		equal(t, p.lastErr, io.ErrUnexpectedEOF)
	})
}

func TestAPieceIsPackedOnceForAllReadersOfAnEncoding(t *testing.T) {
	piece := Packable([]byte(text(strings.Repeat("x", 10*minPacked))))
	for _, e := range []encoder{new(gzipped), zstandard{}} {
		first := e.pack(piece)
		if second := e.pack(piece); &first[0] != &second[0] {
			t.Errorf("%s: it was packed again", e.name())
		}
	}
	if small := Packable([]byte(text("small"))); small.packed != nil {
		t.Error("what is small is packed")
	}
}

func TestOnlyThoseWhoAcceptAnEncodingAreSentIt(t *testing.T) {
	for accepts, want := range map[string]string{
		"": "", "gzip": "gzip", "GZIP": "gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1": "gzip", "deflate,gzip": "gzip",
		"identity": "", "gzip;q=0": "", "gzip; q=0.0": "", "gzip;q=x": "", "br": "", "*": "", "x-gzip": "", "gzipped": "",
		"zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "zstd, gzip": "zstd", "gzip;q=0.5, zstd;q=0.5": "zstd",
		"gzip, zstd;q=0.9": "gzip", "gzip;q=0.9 , ZSTD; Q=1": "zstd", "gzip, zstd;q=0": "gzip", "gzip;q=0, zstd;q=0.001": "zstd",
		"identity, gzip;q=0.5, zstd;q=0.5": "", "identity;q=0.5, gzip": "gzip", "identity, zstd": "zstd", "identity;q=0, *": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", accepts)
		got := ""
		if e := newEncoder(r); e != nil {
			got = e.name()
		}
		if got != want {
			t.Errorf("%q: %q", accepts, got)
		}
	}
}

func TestADeliveryToACompressedStreamAllocatesNothing(t *testing.T) {
	run := event(t, 1, 200)
	for _, e := range []encoder{new(gzipped), zstandard{}} {
		s := &Stream{group: new(Group), wire: nowhere{}, encoder: e}
		if n := testing.AllocsPerRun(1000, func() { _ = s.write(run) }); n >= 1 { // the race detector has a pool forget some
			t.Errorf("%s: it allocates %v times", e.name(), n)
		}
	}
}

// BenchmarkPacking is why small events are stored and documents are packed: what either becomes, alone as it has to be for
// many readers to share it.
func BenchmarkPacking(b *testing.B) {
	small := fmt.Appendf(nil, `id: k3v9x2qa-100017
event: delta
data: {"room":"board-7","key":"default","serverSeq":100017,"clientId":"f81d4fae7dec11d0","clientSeq":33,"serverTs":1767225606341,`+
		`"ops":[{"path":"tasks[00a0c91e6bf60001].title","op":"set","value":"review the budget"}]}

`)
	for name, text := range map[string][]byte{"one delta": small, "documents": documents(10_000)} {
		for encoding, pack := range map[string]func([]byte) []byte{"gzip": deflate, "zstd": squeeze} {
			b.Run(name+"/"+encoding, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				var packed []byte
				for b.Loop() {
					packed = pack(text)
				}
				b.ReportMetric(float64(len(text)), "B-before")
				b.ReportMetric(float64(len(packed)), "B-after")
			})
		}
	}
}

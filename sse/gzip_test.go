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
)

// compressedPeer starts a compressed stream, and has the peer read what a decompressor makes of it.
func compressedPeer(t *testing.T, start func(*Stream, func(error))) (p *peer, wire *bytes.Buffer) {
	t.Helper()
	g := &Group{Compress: true}
	p = openFor(t, g, "gzip")
	wire = new(bytes.Buffer)
	start(p.stream, func(cause error) { p.ended <- cause })
	p.head(t)
	if lf, err := p.in.ReadByte(); err != nil || lf != '\n' { // the reader of lines leaves it
		t.Fatal(lf, err)
	}
	inflating, err := gzip.NewReader(&oneByte{io.TeeReader(p.in, wire)})
	if err != nil {
		t.Fatal(err)
	}
	p.eventReader = newEventReader(inflating)
	return p, wire
}

// oneByte is a reader without buffer for a decompressor: it takes no byte before it has to.
type oneByte struct{ io.Reader }

func (r *oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

func TestACompressedStreamIsOneGzipMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(FeedConfig{})
		large := strings.Repeat("a state that is large, ", 10_000)
		p, wire := compressedPeer(t, func(s *Stream, onEnd func(error)) {
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
		p.expectEnd(t, ErrClosed) // of which the decompressor has checked the length and the checksum
		equal(t, p.lastErr, io.EOF)
	})
}

func TestACompressedStreamOfSeveralFeedsIsOneGzipMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		large := strings.Repeat("a state that is large, ", 10_000)
		p, wire := compressedPeer(t, func(s *Stream, onEnd func(error)) {
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
	})
}

func TestAPieceIsPackedOnceForAllReaders(t *testing.T) {
	piece := Packable([]byte(text(strings.Repeat("x", 10*minPacked))))
	first := piece.deflated()
	if second := piece.deflated(); &first[0] != &second[0] {
		t.Error("it was packed again")
	}
	if small := Packable([]byte(text("small"))); small.packed != nil {
		t.Error("what is small is packed")
	}
}

func TestOnlyThoseWhoAcceptGzipAreSentIt(t *testing.T) {
	for accepts, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "gzip, deflate, br, zstd": true, "br;q=1.0, gzip;q=0.8, *;q=0.1": true, "deflate,gzip": true,
		"identity": false, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=x": false, "br": false, "*": false, "x-gzip": false, "gzipped": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", accepts)
		if got := acceptsGzip(r); got != want {
			t.Errorf("%q: %v", accepts, got)
		}
	}
}

func TestADeliveryToACompressedStreamAllocatesNothing(t *testing.T) {
	s := &Stream{group: new(Group), wire: nowhere{}, gzip: new(gzipped)}
	run := event(t, 1, 200)
	if n := testing.AllocsPerRun(1000, func() { _ = s.write(run) }); n >= 1 { // the race detector has a pool forget some
		t.Errorf("it allocates %v times", n)
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
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var packed []byte
			for b.Loop() {
				packed = deflate(text)
			}
			b.ReportMetric(float64(len(text)), "B-before")
			b.ReportMetric(float64(len(packed)), "B-after")
		})
	}
}

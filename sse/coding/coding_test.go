package coding

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/internal/testkit"
)

func TestBlockIsCompressedOnceForEachCoding(t *testing.T) {
	block := NewBlock([]byte(strings.Repeat("x", 10_000)))
	for _, e := range []Encoder{new(gzipEncoder), zstdEncoder{}} {
		first := e.Compressed(block)
		if second := e.Compressed(block); &first[0] != &second[0] {
			t.Errorf("%s: it was compressed again", e.Name())
		}
	}
}

func TestClientGetsTheCodingThatItPrefers(t *testing.T) {
	for accepts, want := range map[string]string{
		"": "", "gzip": "gzip", "GZIP": "gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1": "gzip", "deflate,gzip": "gzip",
		"identity": "", "gzip;q=0": "", "gzip; q=0.0": "", "gzip;q=x": "", "br": "", "*": "", "x-gzip": "", "gzipped": "",
		"zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "zstd, gzip": "zstd", "gzip;q=0.5, zstd;q=0.5": "zstd",
		"gzip, zstd;q=0.9": "gzip", "gzip;q=0.9 , ZSTD; Q=1": "zstd", "gzip, zstd;q=0": "gzip", "gzip;q=0, zstd;q=0.001": "zstd",
		"identity, gzip;q=0.5, zstd;q=0.5": "", "identity;q=0.5, gzip": "gzip", "identity, zstd": "zstd", "identity;q=0, *": "",
	} {
		got := ""
		if e := Negotiate([]string{accepts}); e != nil {
			got = e.Name()
		}
		if got != want {
			t.Errorf("%q: %q", accepts, got)
		}
	}
}

// The longest text is stored within the documented overhead.
func TestStoredTextGrowsByOverheadAtMost(t *testing.T) {
	text := make([]byte, MaxStored)
	for _, e := range []Encoder{new(gzipEncoder), zstdEncoder{}} {
		if n := len(e.AppendStored(nil, text)); n > MaxStored+Overhead {
			t.Errorf("%s: %d bytes are stored in %d", e.Name(), MaxStored, n)
		}
	}
}

// BenchmarkCompress shows why small events are stored and documents are compressed: the size of either as a block, which is
// compressed alone so that streams can share it.
func BenchmarkCompress(b *testing.B) {
	small := fmt.Appendf(nil, `id: k3v9x2qa-100017
event: delta
data: {"room":"board-7","key":"default","serverSeq":100017,"clientId":"f81d4fae7dec11d0","clientSeq":33,"serverTs":1767225606341,`+
		`"ops":[{"path":"tasks[00a0c91e6bf60001].title","op":"set","value":"review the budget"}]}

`)
	for name, text := range map[string][]byte{"one delta": small, "documents": testkit.StateEvent(10_000)} {
		for encoding, compress := range map[string]func([]byte) []byte{"gzip": compressGzip, "zstd": compressZstd} {
			b.Run(name+"/"+encoding, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				var compressed []byte
				for b.Loop() {
					compressed = compress(text)
				}
				b.ReportMetric(float64(len(text)), "B-before")
				b.ReportMetric(float64(len(compressed)), "B-after")
			})
		}
	}
}

// Package coding writes streams in a content coding, gzip or zstd, from blocks that all streams share.
//
// A compressor for each stream would need several hundred KiB of memory and repeat the same work. An Encoder has no
// compressor. It assembles a stream from compressed blocks, which Block compresses once for all streams, and from stored
// text, which stays as it is:
//
//	block := coding.NewBlock(documents)         // shared
//
//	e := coding.Negotiate(r.Header.Values("Accept-Encoding")) // nil: do not compress
//	out := []byte(e.Header())
//	out = append(out, e.Compressed(block)...)   // compressed by the first stream with this coding
//	out = e.AppendStored(out, event)            // readable at once
//	out = append(out, e.Trailer()...)
//
// A decoder returns each block and each stored text as soon as it has all of its bytes. A stream is a single gzip member or
// a single zstd frame, because some decoders ignore or lose the second one.
package coding

import (
	"strconv"
	"strings"
	"sync"
)

// Encoder writes one stream. The order of the calls is the order of the stream; calls are not concurrent.
type Encoder interface {
	// Name is the coding's name in Content-Encoding.
	Name() string
	// Header returns the beginning of a stream.
	Header() string
	// AppendStored appends text without compressing it. The text has at most MaxStored bytes; the result is longer by at
	// most Overhead bytes.
	AppendStored(dst, text []byte) []byte
	// Compressed returns a block. The result is shared and must not be changed.
	Compressed(b *Block) []byte
	// Trailer returns the end of a stream. A decoder reports a stream without it as truncated.
	Trailer() []byte
}

const (
	// MaxStored is the limit of AppendStored, in bytes.
	MaxStored = 1<<16 - 1
	// Overhead is the number of bytes that AppendStored adds to a text at most.
	Overhead = max(gzipOverhead, zstdOverhead)
)

// Block is text that is compressed at most once for each coding. In zstd it is decoded with an SSE comment before it, which
// readers ignore. A Block is safe for concurrent use.
type Block struct {
	text       []byte
	gzip, zstd func() []byte
}

// NewBlock returns a block. It keeps the text, which must not change.
func NewBlock(text []byte) *Block {
	return &Block{
		text: text,
		gzip: sync.OnceValue(func() []byte { return compressGzip(text) }),
		zstd: sync.OnceValue(func() []byte { return compressZstd(text) }),
	}
}

// Negotiate returns the encoder for the values of an Accept-Encoding header field (RFC 9110, section 12.5.3), or nil if the
// client prefers no coding. Of two codings with equal weight it chooses zstd, which takes fewer bytes and less time.
func Negotiate(accept []string) Encoder {
	zstd, gzip, identity := Weight(accept, "zstd"), Weight(accept, "gzip"), Weight(accept, "identity")
	switch {
	case zstd > 0 && zstd >= max(gzip, identity):
		return zstdEncoder{}
	case gzip > 0 && gzip >= identity:
		return new(gzipEncoder)
	}
	return nil
}

// Weight returns the weight of a coding in the values of an Accept-Encoding header field. 0 means that the client does not accept it.
func Weight(accept []string, coding string) float64 {
	for accepted := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(accepted, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		text, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q=")
		if !given {
			return 1
		}
		q, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0
		}
		return q
	}
	return 0
}

package sse

import (
	"net/http"
	"strconv"
	"strings"
)

// A compressed stream is put together from parts that all readers share. What is packed is in it as it was compressed,
// once; everything else is stored, in blocks whose text is that of the frames. So there is no compressor per reader, and
// no state but a checksum. Small events are better stored anyway: BenchmarkPacking has the figures.

// encoder writes one stream in a content coding.
type encoder interface {
	name() string
	// header is what the stream begins with.
	header() string
	// store appends text as it is, at most maxStored bytes of it.
	store(dst, text []byte) []byte
	// pack returns a piece that is worth it, compressed.
	pack(p Piece) []byte
	// trailer is what the stream ends with. Without it, a reader takes the stream for one that broke.
	trailer() []byte
}

// maxStored is how much text is stored at once: with what is around it, it fits into a buffer.
const maxStored = mergeBuffer - max(gzipOverhead, zstdOverhead)

// store sends text as it is.
func (s *Stream) store(text []byte) error {
	for len(text) > 0 {
		part := text[:min(len(text), maxStored)]
		text = text[len(part):]
		buffer := s.group.buffer()
		*buffer = s.encoder.store(*buffer, part)
		err := s.put(*buffer)
		s.group.buffers.Put(buffer)
		if err != nil {
			return err
		}
	}
	return nil
}

// newEncoder chooses what the answer to a request is compressed with (RFC 9110, section 12.5.3): what the reader likes
// best. Where it likes both, that is zstd, which takes fewer bytes and less time. It is nil where nothing will do.
func newEncoder(r *http.Request) encoder {
	zstd, gzip, plain := weight(r, "zstd"), weight(r, "gzip"), weight(r, "identity")
	switch {
	case zstd > 0 && zstd >= max(gzip, plain):
		return zstandard{}
	case gzip > 0 && gzip >= plain:
		return new(gzipped)
	}
	return nil
}

// weight is how much a reader likes a coding that it names; 0 is not at all.
func weight(r *http.Request, coding string) float64 {
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
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

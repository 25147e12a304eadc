package sse

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
)

// A compressed stream is one gzip member (RFC 1952), put together from parts that all readers share: browsers read no
// second member. What is packed is in it as it was deflated, once; everything else is stored, in blocks whose text is that
// of the frames. So there is no compressor per reader, and no state but a checksum. Small events are better stored
// anyway: BenchmarkPacking has the figures.
//
// Behind each part is an empty stored block, at which every inflater hands out all that it has.

// gzipped is the part of a compressed stream that is its own.
type gzipped struct {
	crc   uint32
	size  uint32 // modulo 2^32, as the format has it
	begun bool
}

const (
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" // no name, no time, no system
	flushBlock = "\x00\x00\x00\xff\xff"
	finalBlock = "\x01\x00\x00\xff\xff"

	// What one write holds: the header, a stored block's head, the text and the flush.
	maxStored = mergeBuffer - len(gzipHeader) - 5 - len(flushBlock)
)

// store sends text as it is.
func (s *Stream) store(text []byte) error {
	for len(text) > 0 {
		part := text[:min(len(text), maxStored)]
		text = text[len(part):]
		buffer := s.group.buffer()
		*buffer = s.gzip.begin(*buffer)
		*buffer = append(*buffer, 0)
		*buffer = binary.LittleEndian.AppendUint16(*buffer, uint16(len(part)))
		*buffer = binary.LittleEndian.AppendUint16(*buffer, ^uint16(len(part)))
		*buffer = append(*buffer, part...)
		*buffer = append(*buffer, flushBlock...)
		s.gzip.add(part)
		err := s.put(*buffer)
		s.group.buffers.Put(buffer)
		if err != nil {
			return err
		}
	}
	return nil
}

// sendPacked sends a piece that is packed.
func (s *Stream) sendPacked(p Piece) error {
	if header := s.gzip.begin(nil); header != nil {
		if err := s.put(header); err != nil {
			return err
		}
	}
	s.gzip.add(p.frames)
	return s.put(p.deflated())
}

// sendTrailer ends the compressed text. Without it, a reader takes the stream for one that broke.
func (s *Stream) sendTrailer() error {
	trailer := append(s.gzip.begin(nil), finalBlock...)
	trailer = binary.LittleEndian.AppendUint32(trailer, s.gzip.crc)
	return s.put(binary.LittleEndian.AppendUint32(trailer, s.gzip.size))
}

// begin appends the header, if it has not been sent.
func (g *gzipped) begin(dst []byte) []byte {
	if g.begun {
		return dst
	}
	g.begun = true
	return append(dst, gzipHeader...)
}

func (g *gzipped) add(text []byte) {
	g.crc = crc32.Update(g.crc, crc32.IEEETable, text)
	g.size += uint32(len(text))
}

// deflate compresses text for many: fast, since the first of them waits for it.
func deflate(text []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = w.Write(text) // a bytes.Buffer takes everything
	_ = w.Flush()        // which ends in a flushBlock
	return b.Bytes()
}

// acceptsGzip reports whether the answer to a request may be compressed (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		weight, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !given || err == nil && q > 0
	}
	return false
}

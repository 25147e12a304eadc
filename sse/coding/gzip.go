package coding

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// gzipEncoder writes a stream as a single gzip member (RFC 1952): browsers read no second one. After each text comes an empty
// stored block, at which a decoder returns everything that it has.
type gzipEncoder struct {
	crc  uint32
	size uint32 // modulo 2^32, as the format defines it
}

const (
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" // no name, no time, unknown operating system
	flushBlock = "\x00\x00\x00\xff\xff"
	finalBlock = "\x01\x00\x00\xff\xff"

	gzipOverhead = 5 + len(flushBlock)
)

func (*gzipEncoder) Name() string   { return "gzip" }
func (*gzipEncoder) Header() string { return gzipHeader }

func (g *gzipEncoder) AppendStored(dst, text []byte) []byte {
	g.count(text)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(text)))
	dst = append(dst, text...)
	return append(dst, flushBlock...)
}

func (g *gzipEncoder) Compressed(b *Block) []byte {
	g.count(b.text)
	return b.gzip()
}

func (g *gzipEncoder) Trailer() []byte {
	end := binary.LittleEndian.AppendUint32([]byte(finalBlock), g.crc)
	return binary.LittleEndian.AppendUint32(end, g.size)
}

// count adds text to the checksum and the size.
func (g *gzipEncoder) count(text []byte) {
	g.crc = crc32.Update(g.crc, crc32.IEEETable, text)
	g.size += uint32(len(text))
}

// compressGzip compresses text into blocks that can stand anywhere in a stream. It prefers speed, because the first stream
// waits for the result.
func compressGzip(text []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = w.Write(text) // a bytes.Buffer returns no error
	_ = w.Flush()        // ends with a flushBlock
	return b.Bytes()
}

package sse

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// gzipped writes a stream as one gzip member (RFC 1952): browsers read no second one. Text is stored. Behind each part is
// an empty stored block, at which every inflater hands out all that it has.
type gzipped struct {
	crc  uint32
	size uint32 // modulo 2^32, as the format has it
}

const (
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" // no name, no time, no system
	flushBlock = "\x00\x00\x00\xff\xff"
	finalBlock = "\x01\x00\x00\xff\xff"

	gzipOverhead = 5 + len(flushBlock) // of text that is stored
)

func (*gzipped) name() string   { return "gzip" }
func (*gzipped) header() string { return gzipHeader }

func (g *gzipped) store(dst, text []byte) []byte {
	g.add(text)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(text)))
	dst = append(dst, text...)
	return append(dst, flushBlock...)
}

func (g *gzipped) pack(p Piece) []byte {
	g.add(p.frames)
	return p.packed.gzip()
}

func (g *gzipped) trailer() []byte {
	end := binary.LittleEndian.AppendUint32([]byte(finalBlock), g.crc)
	return binary.LittleEndian.AppendUint32(end, g.size)
}

func (g *gzipped) add(text []byte) {
	g.crc = crc32.Update(g.crc, crc32.IEEETable, text)
	g.size += uint32(len(text))
}

// deflate compresses text for many: fast, since the first of them waits for it. The blocks stand for themselves, and can
// stand anywhere in a stream.
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

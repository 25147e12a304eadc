package sse

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pathsync/pathsync/pace"
	"github.com/pathsync/pathsync/sse/coding"
)

const (
	// maxWrite is the largest write, in bytes, if a write that times out can be continued. It limits how late Sent and a
	// request to end take effect.
	maxWrite = 64 << 10

	// bufferSize is the size of the buffers of a group, in bytes.
	bufferSize = 16 << 10

	// maxGathered is the largest text that fits into a buffer, with the overhead of the codings.
	maxGathered = bufferSize - coding.Overhead - chunkOverhead
)

// sendsFrames reports whether the stream sends frames as they are in memory.
func (s *Stream) sendsFrames() bool { return s.chunked && s.encoder == nil }

// write sends whole frames. Other streams than those that send frames as they are get the texts of small frames in one write.
// The error is the cause of the stream's end.
func (s *Stream) write(frames []byte) error {
	if s.sendsFrames() {
		return s.writeConn(frames)
	}
	text, frames := cutChunk(frames)
	if len(frames) == 0 {
		return s.writeText(text)
	}
	buffer := s.group.buffer()
	defer s.group.buffers.Put(buffer)
	for len(text) > 0 {
		if len(*buffer)+len(text) > maxGathered {
			if err := s.writeText(*buffer); err != nil {
				return err
			}
			*buffer = (*buffer)[:0]
		}
		if len(text) > maxGathered {
			if err := s.writeText(text); err != nil {
				return err
			}
		} else {
			*buffer = append(*buffer, text...)
		}
		text, frames = cutChunk(frames)
	}
	return s.writeText(*buffer)
}

// writeText sends the text of frames, or of a part of one.
func (s *Stream) writeText(text []byte) error {
	if s.encoder == nil {
		return s.writeCoded(text)
	}
	for len(text) > 0 {
		part := text[:min(len(text), maxGathered)]
		text = text[len(part):]
		if err := s.writeStored(part); err != nil {
			return err
		}
	}
	return nil
}

// writeStored sends text of maxGathered bytes at most in the content coding.
func (s *Stream) writeStored(text []byte) error {
	buffer := s.group.buffer()
	defer s.group.buffers.Put(buffer)
	if !s.chunked {
		*buffer = s.encoder.AppendStored(*buffer, text)
	} else {
		*buffer = endChunk(s.encoder.AppendStored(beginChunk(*buffer), text), 0)
	}
	return s.writeConn(*buffer)
}

// writeCoded sends data that has the stream's content coding already. The ends of a large chunk are copied, so that its head
// and tail are not writes of their own.
func (s *Stream) writeCoded(data []byte) error {
	if !s.chunked || len(data) == 0 {
		return s.writeConn(data)
	}
	buffer := s.group.buffer()
	defer s.group.buffers.Put(buffer)
	*buffer = appendChunkHead(*buffer, len(data))
	if len(data) > maxGathered {
		middle := data[maxCopied : len(data)-maxCopied]
		*buffer = append(*buffer, data[:maxCopied]...)
		for _, p := range [...][]byte{*buffer, middle} {
			if err := s.writeConn(p); err != nil {
				return err
			}
		}
		*buffer, data = (*buffer)[:0], data[len(data)-maxCopied:]
	}
	*buffer = append(append(*buffer, data...), chunkTail...)
	return s.writeConn(*buffer)
}

// writeConn writes bytes to the connection. A write that times out continues while the reader reads.
func (s *Stream) writeConn(p []byte) error {
	for len(p) > 0 {
		deadline := s.deadline()
		n, err := s.conn.write(p[:min(len(p), s.maxWrite())], deadline)
		s.sent.Add(int64(n))
		s.transfer.moved += n
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return s.cause(err)
		}
	}
	return nil
}

// maxWrite returns the size of the next write, in bytes.
func (s *Stream) maxWrite() int {
	if s.resumable && !s.transfer.final { // at the end, Shutdown has to notice within a second that bytes move
		return maxWrite
	}
	return pace.Piece
}

// transfer is the pace of a stream's writes while it has something to send.
type transfer struct {
	meter    pace.Meter
	moved    int // bytes since the last call of meter
	deadline time.Time
	final    bool // the deadline is not extended any more
}

// deadline returns the deadline of the next write. The first call after a request to end extends it once more, to the whole
// WriteTimeout, which limits all that remains to be sent.
func (s *Stream) deadline() time.Time {
	if s.transfer == nil {
		s.transfer = &transfer{meter: pace.Meter{Patience: s.group.writeTimeout()}}
	}
	t := s.transfer
	if t.final {
		return t.deadline
	}
	now := time.Now()
	t.deadline, _ = t.meter.Renew(t.moved, now)
	t.moved = 0
	if t.final = s.ending.Load() != nil; t.final {
		t.deadline = now.Add(s.group.writeTimeout())
	}
	return t.deadline
}

// cause returns the cause of a failed write.
func (s *Stream) cause(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrStalled, err)
	}
	if end := s.ending.Load(); end != nil {
		return end.cause // the connection was aborted together with the request to end
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

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

	// maxStored is the largest text that is stored at once in a compressed stream. With its overhead it fits into a buffer.
	maxStored = bufferSize - coding.Overhead
)

// write sends frames, encoded if the stream is compressed. The error is the cause of the stream's end.
func (s *Stream) write(frames []byte) error {
	if s.encoder == nil {
		return s.writeConn(frames)
	}
	for len(frames) > 0 {
		part := frames[:min(len(frames), maxStored)]
		frames = frames[len(part):]
		buffer := s.group.buffer()
		*buffer = s.encoder.AppendStored(*buffer, part)
		err := s.writeConn(*buffer)
		s.group.buffers.Put(buffer)
		if err != nil {
			return err
		}
	}
	return nil
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

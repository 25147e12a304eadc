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
		s.renewDeadline()
		n, err := s.conn.Write(p[:min(len(p), s.maxWrite())])
		s.sent.Add(int64(n))
		s.moved += n
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return s.cause(err)
		}
	}
	return nil
}

// maxWrite returns the size of the next write, in bytes.
func (s *Stream) maxWrite() int {
	if s.resumable && !s.final { // at the end, Shutdown has to notice within a second that bytes move
		return maxWrite
	}
	return pace.Piece
}

// renewDeadline sets the deadline of the next write. After a request to end, it sets the deadline once more, to the whole
// WriteTimeout, which limits all that remains to be sent.
func (s *Stream) renewDeadline() {
	if s.final {
		return
	}
	now := time.Now()
	deadline, changed := s.meter.Renew(s.moved, now)
	s.moved = 0
	if s.final = s.ending.Load() != nil; s.final {
		deadline, changed = now.Add(s.group.writeTimeout()), true
	}
	if changed {
		s.timed = true
		_ = s.conn.SetWriteDeadline(deadline) // after an error, the write fails, too
	}
}

// clearDeadline removes the write deadline, which would otherwise pass while the stream is idle.
func (s *Stream) clearDeadline() {
	if s.timed {
		s.timed, s.meter = false, pace.Meter{Patience: s.meter.Patience}
		_ = s.conn.SetWriteDeadline(time.Time{})
	}
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

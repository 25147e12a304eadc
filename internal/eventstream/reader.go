// Package eventstream reads Server-Sent Events as the HTML standard defines them, section 9.2. It is strict: an event that
// the stream ends in is an error, and never an event.
package eventstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Event is one event.
type Event struct {
	Name string // "message" if the event has none
	ID   string // of this event; "" if it has none
	Data []byte // its lines, separated by LF
}

// ErrTooLarge means that an event exceeds the limit of the reader.
var ErrTooLarge = errors.New("an event is too large")

// Reader reads one stream. It is not safe for concurrent use.
type Reader struct {
	lines *bufio.Reader
	limit int
	begun bool          // the first line has been read
	retry time.Duration // 0: none yet
}

// NewReader returns a reader of r that accepts events of up to limit bytes.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{lines: bufio.NewReader(r), limit: limit}
}

// Retry returns the last reconnection time that the stream has set; 0: none.
func (r *Reader) Retry() time.Duration { return r.retry }

// Next returns the next event. Its error is io.EOF at an end between two events, io.ErrUnexpectedEOF at an end inside one,
// ErrTooLarge, or the error of the underlying reader.
func (r *Reader) Next() (Event, error) {
	var e Event
	var hasData bool
	for size, open := 0, false; ; {
		line, err := r.line(r.limit - size)
		switch {
		case err == io.EOF && (open || len(line) > 0): //nolint:errorlint // bufio returns it as it is
			return Event{}, io.ErrUnexpectedEOF
		case err != nil:
			return Event{}, err
		case len(line) == 0 && hasData:
			if e.Name == "" {
				e.Name = "message"
			}
			return e, nil
		case len(line) == 0: // an event without data is none
			e, size, open = Event{}, 0, false
			continue
		}
		size += len(line)
		open = true
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			e.Name = string(value)
		case "data":
			if hasData {
				e.Data = append(e.Data, '\n')
			}
			e.Data, hasData = append(e.Data, value...), true
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				e.ID = string(value)
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				r.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// line returns the next line without its end, which is CR LF, LF or CR. At the end of the stream it returns what is left
// of a line with io.EOF.
func (r *Reader) line(limit int) ([]byte, error) {
	var line []byte
	for {
		b, err := r.lines.ReadByte()
		if err != nil {
			return line, err
		}
		switch b {
		case '\r':
			if next, err := r.lines.Peek(1); err == nil && next[0] == '\n' {
				_, _ = r.lines.Discard(1)
			}
			fallthrough
		case '\n':
			if !r.begun {
				r.begun = true
				line = bytes.TrimPrefix(line, []byte("\ufeff"))
			}
			return line, nil
		}
		if len(line) >= limit {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, r.limit)
		}
		line = append(line, b)
	}
}

package sse

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrField is returned for an id or an event name with a CR, an LF or a NUL in it. The first two would end the line,
// and let the rest of the text pass for fields of its own; an id with the last is ignored by browsers.
var ErrField = errors.New("CR, LF or NUL in an event's id or name")

const (
	idField   = "id: "
	dataField = "data: "
)

// AppendEvent appends the frame of one event to dst. Without an id the reader keeps the last one it saw; without an
// event name it is a `message`. Data is UTF-8 text; each of its lines, whether they end in CR LF, CR or LF, becomes a
// line of the frame, and a reader puts them together again with LF. Empty data is an event with empty data.
//
// When id or event cannot be framed it returns dst as it was, and ErrField.
func AppendEvent(dst []byte, id, event string, data []byte) ([]byte, error) {
	if !framable(id) || !framable(event) {
		return dst, ErrField
	}
	if id != "" {
		dst = append(dst, idField...)
		dst = append(dst, id...)
		dst = append(dst, '\n')
	}
	if event != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, event...)
		dst = append(dst, '\n')
	}
	dst = appendLines(dst, dataField, data)
	return append(dst, '\n'), nil
}

// AppendComment appends a comment, which readers skip. Its lines are split as those of an event's data.
func AppendComment(dst []byte, text string) []byte {
	dst = appendLines(dst, ": ", []byte(text))
	return append(dst, '\n')
}

// AppendRetry appends the time that a reader should let pass before it connects again, in whole milliseconds; less
// than nothing counts as nothing.
func AppendRetry(dst []byte, after time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(after.Milliseconds(), 0), 10)
	return append(dst, "\n\n"...)
}

func framable(field string) bool { return !strings.ContainsAny(field, "\r\n\x00") }

// appendLines appends each line of text behind a prefix.
func appendLines(dst []byte, prefix string, text []byte) []byte {
	// Compact JSON, the usual text, is one line, and IndexByte is far the fastest to see that.
	oneLine := bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0
	for {
		end := len(text)
		if !oneLine {
			if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
				end = i
			}
		}
		dst = append(dst, prefix...)
		dst = append(dst, text[:end]...)
		dst = append(dst, '\n')
		switch {
		case end == len(text):
			return dst
		case bytes.HasPrefix(text[end:], []byte("\r\n")):
			text = text[end+2:]
		default:
			text = text[end+1:]
		}
	}
}

// eventData returns the data of a frame that AppendEvent made: a part of the frame itself when it is one line.
func eventData(frame []byte) []byte {
	var data []byte
	lines := 0
	for line := range bytes.Lines(frame) {
		text, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(dataField))
		switch {
		case !ok:
			continue
		case lines == 0:
			data = text[:len(text):len(text)] // a further line makes a copy, and leaves the frame alone
		default:
			data = append(append(data, '\n'), text...)
		}
		lines++
	}
	return data
}

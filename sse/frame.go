package sse

import (
	"bytes"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"
)

// ErrField means that an id or an event name contains CR, LF or NUL. CR and LF would end the line and turn the rest of the
// text into fields. Browsers ignore an id that contains NUL.
var ErrField = errors.New("CR, LF or NUL in an event's id or name")

const (
	idField   = "id: "
	dataField = "data: "
)

// AppendEvent appends the frame of one event to dst. Without an id, the reader's last event id remains; without an event name,
// the event is a `message`. Data is UTF-8 text. Each of its lines becomes a line of the frame, whether it ends in CR LF, CR or
// LF; a reader joins them with LF. Empty data is an event with empty data.
//
// AppendEvent returns dst unchanged and ErrField if id or event contains CR, LF or NUL.
func AppendEvent(dst []byte, id, event string, data []byte) ([]byte, error) {
	if !framable(id) || !framable(event) {
		return dst, ErrField
	}
	begin := len(dst)
	dst = beginChunk(dst)
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
	return endChunk(append(dst, '\n'), begin), nil
}

// AppendComment appends a comment, which readers ignore. It is split into lines as the data of an event is.
func AppendComment(dst []byte, text string) []byte {
	begin := len(dst)
	dst = appendLines(beginChunk(dst), ": ", []byte(text))
	return endChunk(append(dst, '\n'), begin)
}

// AppendRetry appends the delay before a reader reconnects, in whole milliseconds. A negative delay counts as zero.
func AppendRetry(dst []byte, after time.Duration) []byte {
	begin := len(dst)
	dst = append(beginChunk(dst), "retry: "...)
	dst = strconv.AppendInt(dst, max(after.Milliseconds(), 0), 10)
	return endChunk(append(dst, "\n\n"...), begin)
}

func framable(field string) bool { return !strings.ContainsAny(field, "\r\n\x00") }

// appendLines appends each line of text, with a prefix.
func appendLines(dst []byte, prefix string, text []byte) []byte {
	// Compact JSON, the usual text, is one line. IndexByte is the fastest way to find that out.
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

// eventData returns the data of an event from the text of its frame. Data of one line is a part of the text itself.
func eventData(text []byte) []byte {
	var data []byte
	lines := 0
	for line := range bytes.Lines(text) {
		value, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(dataField))
		switch {
		case !ok:
			continue
		case lines == 0:
			data = value[:len(value):len(value)] // appending another line copies the data and leaves the text unchanged
		default:
			data = append(append(data, '\n'), value...)
		}
		lines++
	}
	return data
}

// cutID splits the text of a frame into the id of its event and the rest. The id is nil if the event has none.
func cutID(text []byte) (id, rest []byte) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	if id, ok := bytes.CutPrefix(line, []byte(idField)); ok {
		return id, rest
	}
	return nil, text
}

// Payloads yields the data of each event that has an id, of one or several whole frames.
func Payloads(frames []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(frames) > 0 {
			var text []byte
			text, frames = cutChunk(frames)
			if id, _ := cutID(text); id != nil && !yield(eventData(text)) {
				return
			}
		}
	}
}

package sse

import (
	"bufio"
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

// message is an event that a browser would dispatch.
type message struct{ id, event, data string }

// eventReader reads an event stream according to the HTML standard (section 9.2.6), independently of this package's framing.
// A browser also decodes UTF-8; eventReader does not.
type eventReader struct {
	in     *bufio.Reader
	skipLF bool // the previous line ended in CR
	lastID string
	seen   []byte // all bytes read
}

func newEventReader(r io.Reader) *eventReader { return &eventReader{in: bufio.NewReader(r)} }

// next returns the next event. It ignores an incomplete event at the end of the stream.
func (r *eventReader) next() (message, error) {
	var event string
	var data strings.Builder
	for {
		line, err := r.line()
		if err != nil {
			return message{}, err
		}
		if line == "" {
			if data.Len() == 0 {
				event = ""
				continue
			}
			return message{id: r.lastID, event: event, data: strings.TrimSuffix(data.String(), "\n")}, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			event = value
		case "data":
			data.WriteString(value)
			data.WriteByte('\n')
		case "id":
			if !strings.Contains(value, "\x00") {
				r.lastID = value
			}
		}
	}
}

func (r *eventReader) line() (string, error) {
	var line []byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", err
		}
		r.seen = append(r.seen, c)
		skip := r.skipLF && c == '\n'
		r.skipLF = c == '\r'
		switch {
		case skip:
		case c == '\r' || c == '\n':
			return string(line), nil
		default:
			line = append(line, c)
		}
	}
}

// textOf decodes frames with net/http's decoder of chunks.
func textOf(frames []byte) []byte {
	chunks := io.MultiReader(bytes.NewReader(frames), strings.NewReader(lastChunk))
	text, err := io.ReadAll(httputil.NewChunkedReader(chunks))
	if err != nil {
		panic(err) // the test's frames
	}
	return text
}

// messages returns all events of a stream.
func messages(stream []byte) []message {
	var all []message
	r := newEventReader(bytes.NewReader(stream))
	for {
		m, err := r.next()
		if err != nil {
			return all
		}
		all = append(all, m)
	}
}

func TestEventReaderFollowsTheStandard(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   []message
	}{
		"an empty line dispatches":       {"data: a\n\n", []message{{data: "a"}}},
		"no empty line, no event":        {"data: a\n", nil},
		"all three line ends":            {"data: a\r\ndata: b\rdata: c\n\r\n", []message{{data: "a\nb\nc"}}},
		"CR CR is an empty line":         {"data: a\r\rdata: b\r\r", []message{{data: "a"}, {data: "b"}}},
		"one space is removed":           {"data:  a\ndata:b\n\n", []message{{data: " a\nb"}}},
		"a field without a colon":        {"data\n\n", []message{{data: ""}}},
		"comments and unknown fields":    {": hello\nfoo: bar\ndata: a\n\n", []message{{data: "a"}}},
		"no data, no event":              {"event: x\nid: 1\n\ndata: a\n\n", []message{{id: "1", data: "a"}}},
		"an id lasts":                    {"id: 1\ndata: a\n\ndata: b\n\n", []message{{id: "1", data: "a"}, {id: "1", data: "b"}}},
		"an id with NUL is ignored":      {"id: 1\x00\ndata: a\n\n", []message{{data: "a"}}},
		"an event name is for one event": {"event: x\ndata: a\n\ndata: b\n\n", []message{{event: "x", data: "a"}, {data: "b"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { equal(t, messages([]byte(tt.stream)), tt.want) })
	}
}

package eventstream

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func readAll(r *Reader) (events []Event, err error) {
	for {
		e, err := r.Next()
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func TestStreamsAreReadAsTheStandardDefines(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		want   []Event
		err    error
	}{
		"one event":             {"id: e-1\nevent: delta\ndata: {}\n\n", []Event{{"delta", "e-1", []byte("{}")}}, io.EOF},
		"several data lines":    {"data: a\ndata:b\ndata:  c\n\n", []Event{{"message", "", []byte("a\nb\n c")}}, io.EOF},
		"all line ends":         {"data: a\r\n\r\ndata: b\r\rdata: c\n\n", []Event{{"message", "", []byte("a")}, {"message", "", []byte("b")}, {"message", "", []byte("c")}}, io.EOF},
		"comments":              {": hello\n\n:\n\ndata: a\n: inside\n\n", []Event{{"message", "", []byte("a")}}, io.EOF},
		"a byte order mark":     {"\ufeffdata: a\n\n", []Event{{"message", "", []byte("a")}}, io.EOF},
		"empty data":            {"data\n\n", []Event{{"message", "", nil}}, io.EOF},
		"an id with NUL":        {"id: a\x00b\ndata: a\n\n", []Event{{"message", "", []byte("a")}}, io.EOF},
		"no data":               {"event: delta\nid: 1\n\ndata: a\n\n", []Event{{"message", "", []byte("a")}}, io.EOF},
		"an unknown field":      {"colour: red\ndata: a\n\n", []Event{{"message", "", []byte("a")}}, io.EOF},
		"an end in the data":    {"data: a\n\ndata: b", []Event{{"message", "", []byte("a")}}, io.ErrUnexpectedEOF},
		"an end after the data": {"data: a\n\ndata: b\n", []Event{{"message", "", []byte("a")}}, io.ErrUnexpectedEOF},
		"an end in a comment":   {"data: a\n\n: he", []Event{{"message", "", []byte("a")}}, io.ErrUnexpectedEOF},
		"nothing":               {"", nil, io.EOF},
		"a large event":         {"data: a\n\ndata: " + strings.Repeat("x", 200) + "\n\n", []Event{{"message", "", []byte("a")}}, ErrTooLarge},
		"a large event, lines":  {strings.Repeat("data: 123\n", 30) + "\n", nil, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := readAll(NewReader(iotest.OneByteReader(strings.NewReader(test.stream)), 100))
			if !reflect.DeepEqual(events, test.want) || !errors.Is(err, test.err) {
				t.Errorf("got %q, %v; want %q, %v", events, err, test.want, test.err)
			}
		})
	}
}

func TestRetryIsTheLastValidOne(t *testing.T) {
	r := NewReader(strings.NewReader("retry: 1500\n\nretry: soon\n\nretry: -1\n\nretry: 99999999999\n\n"), 100)
	if _, err := r.Next(); err != io.EOF || r.Retry() != 1500*time.Millisecond {
		t.Errorf("%v, %v", err, r.Retry())
	}
}

package sse

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	r3labs "github.com/r3labs/sse/v2"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares bytes with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%q\n%s has\n%q", got, path, want)
	}
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

func mustFrame(t testing.TB, id, event, data string) []byte {
	t.Helper()
	frame, err := AppendEvent(nil, id, event, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestFramesMatchGoldenFiles(t *testing.T) {
	frames := map[string][]byte{
		"delta":           mustFrame(t, "k3v9-17", "delta", `{"room":"r","key":"default","serverSeq":17,"ops":[]}`),
		"no-id":           mustFrame(t, "", "presence", `{"room":"r","users":[]}`),
		"message":         mustFrame(t, "", "", "hello"),
		"lines":           mustFrame(t, "1", "text", "lf\ncr\rcrlf\r\n\r\nlast"),
		"empty-data":      mustFrame(t, "1", "nothing", ""),
		"blanks":          mustFrame(t, " 1 ", " x ", "  indented"),
		"comment":         AppendComment(nil, "here we go"),
		"comment-lines":   AppendComment(nil, "one\rtwo\ndata: three"),
		"comment-empty":   AppendComment(nil, ""),
		"retry":           AppendRetry(nil, 2500*time.Millisecond),
		"retry-backwards": AppendRetry(nil, -time.Second),
	}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) { golden(t, "frame-"+name+".txt", textOf(frame)) })
	}
}

func TestFramesAreAppendedToTheSlice(t *testing.T) {
	dst := []byte("before|")
	dst, err := AppendEvent(dst, "1", "", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	dst = AppendRetry(AppendComment(dst, "c"), time.Second)
	equal(t, string(dst), "before|000f\r\nid: 1\ndata: x\n\n\r\n0005\r\n: c\n\n\r\n000d\r\nretry: 1000\n\n\r\n")
}

func TestLineEndOrNULInFieldIsRefused(t *testing.T) {
	for _, bad := range []string{"\n", "\r", "\x00", "1\ndata: forged", "1\r\n\r\ndata: forged", "a\x00b"} {
		for _, field := range []struct{ id, event string }{{id: bad}, {event: bad}} {
			dst, err := AppendEvent([]byte("before"), field.id, field.event, []byte("data"))
			if !errors.Is(err, ErrField) {
				t.Errorf("id %q, event %q: error %v", field.id, field.event, err)
			}
			equal(t, string(dst), "before")
		}
	}
}

func TestCommentIsNoEvent(t *testing.T) {
	for _, text := range []string{"", "x", "a\n\ndata: forged\n\n", "a\r\rdata: forged\r\r"} {
		if got := messages(textOf(AppendComment(nil, text))); got != nil {
			t.Errorf("comment %q: %v", text, got)
		}
	}
}

func TestEventDataReturnsTheDataOfAFrame(t *testing.T) {
	tests := map[string]struct{ id, event, data, want string }{
		"one line":             {"1", "delta", `{"a":1}`, `{"a":1}`},
		"nothing but data":     {"", "", "x", "x"},
		"empty":                {"1", "delta", "", ""},
		"several lines":        {"1", "delta", "a\r\nb\n", "a\nb\n"},
		"fields that resemble": {"data: 1", "data: 2", "data: 3", "data: 3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := textOf(mustFrame(t, tt.id, tt.event, tt.data))
			before := bytes.Clone(text)
			equal(t, string(eventData(text)), tt.want)
			equal(t, text, before)
		})
	}
}

func FuzzEventIsReadBackAsOneEvent(f *testing.F) {
	f.Add("k3v9-17", "delta", []byte(`{"room":"r"}`))
	f.Add("", "", []byte(""))
	f.Add(" 1", " x", []byte("a\r\rb\n\nc\r\n"))
	f.Add("1\ndata: forged", "x", []byte("a"))
	f.Add("1", "x\r\rdata: forged", []byte("a"))
	f.Add("1\x00", "x", []byte("\n\nevent: forged\ndata: forged\n\n"))
	f.Fuzz(func(t *testing.T, id, event string, data []byte) {
		frame, err := AppendEvent(nil, id, event, data)
		if refused := strings.ContainsAny(id+event, "\r\n\x00"); refused || err != nil {
			if !refused || !errors.Is(err, ErrField) || frame != nil {
				t.Fatalf("id %q, event %q: frame %q, error %v", id, event, frame, err)
			}
			return
		}
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
		equal(t, messages(textOf(frame)), []message{{id: id, event: event, data: lines}})
		equal(t, string(eventData(textOf(frame))), lines)

		text := textOf(frame)
		other := r3labs.NewEventStreamReader(bytes.NewReader(text), len(text)+1)
		one, err := other.ReadEvent()
		if err != nil || string(one)+"\n\n" != string(text) {
			t.Fatalf("the other reader reads %q, error %v", one, err)
		}
		if more, err := other.ReadEvent(); err != io.EOF {
			t.Fatalf("the other reader reads another event: %q, error %v", more, err)
		}
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	data := []byte(`{"room":"r","key":"default","serverSeq":17,"clientId":"c","ops":[` + strings.Repeat(`{"path":"a.b"},`, 10) + `]}`)
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		dst, _ = AppendEvent(dst[:0], "k3v9-17", "delta", data)
	}
}

package httpapi_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// reader is an open stream. It reads at once, like a browser, and keeps the frames for the test.
type reader struct {
	t      *testing.T
	header http.Header
	frames chan string // closed at the end of the stream
	broken error       // why the stream ended inside a frame; read after frames is closed
	close  func()
}

// maxFrames is the maximum number of frames that a reader keeps.
const maxFrames = 10_000

// event is one event.
type event struct {
	id, name, data string
}

// open opens a stream, such as `/v1/rooms/r/events`.
func (c client) open(path string, headers ...string) *reader {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), c.patience)
	resp, err := c.http.Do(c.request(ctx, http.MethodGet, path, nil, headers))
	if err != nil {
		cancel()
		c.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		read(c.t, "GET "+path, resp).is(http.StatusOK)
	}
	r := &reader{t: c.t, header: resp.Header, frames: make(chan string, maxFrames)}
	go r.take(resp)
	r.close = func() { cancel(); resp.Body.Close() }
	c.t.Cleanup(r.close)
	return r
}

func (r *reader) take(resp *http.Response) {
	defer close(r.frames)
	decoded, err := decode(resp)
	if err != nil {
		r.broken = err
		return
	}
	body := bufio.NewReader(decoded)
	text := ""
	for {
		line, err := body.ReadString('\n')
		switch {
		case err == io.EOF && line == "" && text == "":
			return
		case err != nil:
			r.broken = fmt.Errorf("the stream broke: %w after %q", err, text+line)
			return
		case line == "\n":
			r.frames <- strings.TrimSuffix(text, "\n")
			text = ""
		default:
			text += line
		}
	}
}

func decode(resp *http.Response) (io.Reader, error) {
	switch encoding := resp.Header.Get("Content-Encoding"); encoding {
	case "":
		return resp.Body, nil
	case "gzip":
		return gzip.NewReader(resp.Body)
	case "zstd":
		return zstd.NewReader(resp.Body, zstd.WithDecoderConcurrency(1)) // one without goroutines
	default:
		return nil, fmt.Errorf("the stream is encoded with %q", encoding)
	}
}

// frame returns the text of the next frame without its blank line; ok is false at the end of the stream.
func (r *reader) frame() (text string, ok bool) {
	r.t.Helper()
	text, ok = <-r.frames
	if !ok && r.broken != nil {
		r.t.Fatal(r.broken)
	}
	return text, ok
}

// next returns the next event. It skips comments and `retry`.
func (r *reader) next() event {
	r.t.Helper()
	for range 1000 {
		text, ok := r.frame()
		if !ok {
			r.t.Fatal("the stream has ended")
		}
		if !strings.HasPrefix(text, ":") && !strings.HasPrefix(text, "retry:") {
			return r.parse(text)
		}
	}
	r.t.Fatal("nothing comes but heartbeats")
	return event{}
}

// parse parses a frame: `id` if any, `event`, and one line of `data`.
func (r *reader) parse(text string) (e event) {
	r.t.Helper()
	lines := strings.Split(text, "\n")
	if id, ok := strings.CutPrefix(lines[0], "id: "); ok {
		e.id = id
		lines = lines[1:]
	}
	var named, told bool
	if len(lines) == 2 {
		e.name, named = strings.CutPrefix(lines[0], "event: ")
		e.data, told = strings.CutPrefix(lines[1], "data: ")
	}
	if !named || !told {
		r.t.Fatalf("not a frame of ours: %q", text)
	}
	return e
}

// until returns the events up to the first of a name, inclusive.
func (r *reader) until(name string) []event {
	r.t.Helper()
	var events []event
	for {
		e := r.next()
		events = append(events, e)
		if e.name == name {
			return events
		}
	}
}

// live reads the events up to `up-to-date`.
func (r *reader) live() *reader {
	r.t.Helper()
	r.until("up-to-date")
	return r
}

// wants expects the next events.
func (r *reader) wants(events ...event) {
	r.t.Helper()
	for _, want := range events {
		if got := r.next(); got != want {
			r.t.Errorf("event\n got %s %q %s\nwant %s %q %s", got.name, got.id, got.data, want.name, want.id, want.data)
		}
	}
}

// hasEnded reads the received frames and reports whether the stream has ended.
func (r *reader) hasEnded() bool {
	for {
		select {
		case _, ok := <-r.frames:
			if !ok {
				return true
			}
		default:
			return false
		}
	}
}

// ends expects the end of the stream.
func (r *reader) ends() {
	r.t.Helper()
	if text, ok := r.frame(); ok {
		r.t.Errorf("after the end comes %q", text)
	}
}

package contract

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/eventstream"
)

// stream is an open stream.
type stream struct {
	t      *testing.T
	header http.Header
	body   io.Reader // without what events has read
	events *eventstream.Reader
	close  func()
}

// event is one received event.
type event struct {
	name, id, data string
}

// patience is the time limit for reading a stream.
const patience = 20 * time.Second

// open opens a stream. Headers are pairs of name and value.
func (c client) open(path string, headers ...string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		c.t.Fatalf("%s: %s, %s", path, resp.Status, kind)
	}
	s := &stream{
		t: c.t, header: resp.Header, body: resp.Body,
		events: eventstream.NewReader(resp.Body, 1<<20),
		close:  func() { cancel(); resp.Body.Close() },
	}
	c.t.Cleanup(s.close)
	return s
}

// next returns the next event; ok is false at the end of the stream. It skips comments and `retry`.
func (s *stream) next() (e event, ok bool) {
	s.t.Helper()
	next, err := s.events.Next()
	if err == io.EOF {
		return event{}, false
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return event{next.Name, next.ID, string(next.Data)}, true
}

// until reads up to and including the next event of a name, and returns the names of all events read and that event.
func (s *stream) until(name string) (names []string, last event) {
	s.t.Helper()
	for {
		e, ok := s.next()
		if !ok {
			s.t.Fatalf("the stream ended before %s; it had %v", name, names)
		}
		names = append(names, e.name)
		if e.name == name {
			return names, e
		}
	}
}

// ends expects the end of the stream.
func (s *stream) ends() {
	s.t.Helper()
	if e, ok := s.next(); ok {
		s.t.Errorf("%s comes after the end", e.name)
	}
}

package contract

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/eventstream"
)

// stream is an open stream; it checks each event against the contract as it reads it.
type stream struct {
	t       *testing.T
	c       *contract
	schemas map[string]string
	ids     string // the schema of its event ids
	events  *eventstream.Reader
	close   func()
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
	return c.openOf("EventId", path, headers...)
}

// openOf opens a stream whose event ids have a schema.
func (c client) openOf(ids, path string, headers ...string) *stream {
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
		t: c.t, c: theContract(c.t), schemas: eventSchemas(c.t, theContract(c.t)), ids: ids,
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
	e = event{next.Name, next.ID, string(next.Data)}
	s.check(e)
	return e, true
}

// check validates an event against its schema, and checks that only the right events have an id.
func (s *stream) check(e event) {
	s.t.Helper()
	schema, known := s.schemas[e.name]
	if !known {
		s.t.Errorf("the event %q is not in the contract", e.name)
		return
	}
	if err := s.c.checkJSON(schema, []byte(e.data)); err != nil {
		s.t.Errorf("%s breaks the contract: %v\n%s", e.name, err, e.data)
	}
	if resumable := e.name == "delta" || e.name == "up-to-date"; resumable != (e.id != "") {
		s.t.Errorf("%s has the id %q", e.name, e.id)
	}
	if e.id != "" {
		if err := s.c.check("/components/schemas/"+s.ids, e.id); err != nil {
			s.t.Error(err)
		}
	}
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

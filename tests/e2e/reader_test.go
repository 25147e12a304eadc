package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

// reader follows one stream of a room for a test. It applies all events to a replica.
type reader struct {
	t       *testing.T
	replica *replica
	stream  *stream
	cancel  context.CancelFunc
	events  chan event // closed when the stream ends
	end     error      // the reason: io.EOF is a clean end
}

// read opens a stream that begins with whole state. query is as in a URL.
func (s *server) read(room, query string) *reader {
	s.t.Helper()
	return s.resume(room, query, newReplica(room))
}

// resume opens a stream for a replica, from its position.
func (s *server) resume(room, query string, replica *replica) *reader {
	s.t.Helper()
	return s.readFrom(room, query, replica.position(), replica)
}

// readFrom opens a stream from any position.
func (s *server) readFrom(room, query, position string, replica *replica) *reader {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	stream, err := s.open(ctx, room, query, position)
	if err != nil {
		cancel()
		s.t.Fatalf("opening a stream of %s: %v", room, err)
	}
	replica.connect(position)
	r := &reader{t: s.t, replica: replica, stream: stream, cancel: cancel, events: make(chan event, 1<<16)}
	go r.run()
	s.t.Cleanup(r.close)
	return r
}

func (r *reader) run() {
	defer close(r.events)
	for {
		e, err := r.stream.next()
		if err != nil {
			r.end = err
			return
		}
		r.events <- e
	}
}

// close closes the stream.
func (r *reader) close() {
	r.cancel()
	r.stream.close()
}

// take returns the next event; ok is false when the stream has ended.
func (r *reader) take() (e event, ok bool) {
	r.t.Helper()
	select {
	case e, ok = <-r.events:
	case <-time.After(patience):
		r.t.Fatalf("no event from %s after %s", r.replica.room, r.replica.position())
	}
	if ok {
		if err := r.replica.take(e); err != nil {
			r.t.Fatalf("reading %s: %v", r.replica.room, err)
		}
	}
	return e, ok
}

// until reads up to and including the next event of a name, and returns all events read.
func (r *reader) until(name string) (all []event) {
	r.t.Helper()
	for {
		e, ok := r.take()
		if !ok {
			r.t.Fatalf("the stream ended (%v) before %s; it had %v", r.end, name, names(all))
		}
		all = append(all, e)
		if e.name == name {
			return all
		}
	}
}

// next reads up to the next event of a name and decodes its data.
func (r *reader) next(name string, into any) {
	r.t.Helper()
	all := r.until(name)
	if err := json.Unmarshal(all[len(all)-1].data, into); err != nil {
		r.t.Fatal(err)
	}
}

// rest reads to the end of the stream, which must be a clean one.
func (r *reader) rest() (all []event) {
	r.t.Helper()
	for {
		e, ok := r.take()
		if !ok {
			if r.end != io.EOF {
				r.t.Fatalf("the stream ended badly: %v", r.end)
			}
			return all
		}
		all = append(all, e)
	}
}

// broken reads the rest of a stream whose server was killed.
func (r *reader) broken() (all []event) {
	r.t.Helper()
	for {
		e, ok := r.take()
		if !ok {
			return all
		}
		all = append(all, e)
	}
}

// reaches reads until the replica has reached a serverSeq.
func (r *reader) reaches(seq int64) {
	r.t.Helper()
	for r.replica.seq < seq {
		if _, ok := r.take(); !ok {
			r.t.Fatalf("the stream ended (%v) at %s, before %d", r.end, r.replica.position(), seq)
		}
	}
}

func names(events []event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.name
	}
	return names
}

// begins reads the beginning of a stream, up to `up-to-date`, and expects these events, in this order. Changes of
// presence may come at any time and do not count.
func (r *reader) begins(want ...string) (all []event) {
	r.t.Helper()
	all = slices.DeleteFunc(r.until("up-to-date"), func(e event) bool { return e.name == "presence-change" })
	want = append(want, "presence", "up-to-date")
	if got := names(all); !slices.Equal(got, want) {
		r.t.Fatalf("the stream begins with %v, want %v", got, want)
	}
	return all
}

// sameState compares the documents of a replica with those of the server, byte for byte.
func (s *server) sameState(r *replica) {
	s.t.Helper()
	got := s.snapshot(r.room)
	if got.ServerSeq != r.seq || got.Epoch != r.epoch {
		s.t.Errorf("%s is at %s-%d and its reader at %s", r.room, got.Epoch, got.ServerSeq, r.position())
	}
	if err := differ(got.states(), r.text()); err != nil {
		s.t.Errorf("the reader of %s: %v", r.room, err)
	}
}

var errDiffer = errors.New("the documents differ")

// differ describes the difference between two sets of documents.
func differ(want, got map[string]string) error {
	if len(want) != len(got) {
		return fmt.Errorf("%w: %d and %d of them", errDiffer, len(want), len(got))
	}
	for key, text := range want {
		if got[key] != text {
			return fmt.Errorf("%w: %s:\n%s\n%s", errDiffer, key, text, got[key])
		}
	}
	return nil
}

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// observer reads a room through all crashes and records the events that it receives.
type observer struct {
	api
	observerKind
	replica *replica
	seq     atomic.Int64 // of the last batch; other goroutines read it
}

// observerKind is a way of reading.
type observerKind struct {
	name    string
	resumes bool // from its last event id; otherwise it starts from whole state after each crash
	read    func(*observer, context.Context) error
}

var observerKinds = []observerKind{
	{"a strict reader that resumes", true, (*observer).readStrictly},
	{"a strict reader that begins anew", false, (*observer).readStrictly},
	{"a reader that polls for changes", true, (*observer).poll},
	{"a reader with the r3labs client", true, (*observer).readWithR3labs},
}

// run reads one stream after the other until ctx ends. It fails at the first wrong event.
func (w *observer) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := w.read(w, ctx)
		var wrong wrongEvent
		var refused *problem
		if errors.As(err, &wrong) || errors.As(err, &refused) && !refused.Retryable {
			return fmt.Errorf("%s, in %s: %w", w.name, w.replica.room, err)
		}
		pause(ctx, rand.N(20*time.Millisecond))
	}
	return nil
}

// wrongEvent is an event that the protocol does not allow at its place in the stream.
type wrongEvent struct{ error }

func (w *observer) take(e event) error {
	if err := w.replica.take(e); err != nil {
		return wrongEvent{err}
	}
	w.seq.Store(max(w.replica.seq, 0))
	return nil
}

// connect prepares the replica for a new stream, and returns the position to resume from.
func (w *observer) connect() (position string) {
	if w.resumes {
		position = w.replica.position()
	}
	if w.replica.connect(position); position == "" {
		w.seq.Store(0)
	}
	return position
}

func (w *observer) readStrictly(ctx context.Context) error {
	s, err := w.open(ctx, w.replica.room, "", w.connect())
	if err != nil {
		return err
	}
	defer s.close()
	for {
		e, err := s.next()
		switch {
		case err == io.EOF || errors.Is(err, errCut):
			return err
		case err != nil:
			return wrongEvent{err}
		}
		if err := w.take(e); err != nil {
			return err
		}
	}
}

// poll takes the changes one page after the other as if they were events.
func (w *observer) poll(ctx context.Context) error {
	for {
		page, err := w.changes(ctx, w.replica.room, w.replica.position(), 5)
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			var d delta
			if err := json.Unmarshal(change, &d); err != nil {
				return wrongEvent{err}
			}
			id := fmt.Sprintf("%s-%d", page.Epoch, d.ServerSeq)
			if err := w.take(event{name: "delta", id: id, data: change}); err != nil {
				return err
			}
		}
		if len(page.Changes) > 0 && page.Next != w.replica.position() {
			return wrongEvent{fmt.Errorf("a page ends at %s, and its next is %s", w.replica.position(), page.Next)}
		}
	}
}

func (w *observer) readWithR3labs(ctx context.Context) error {
	return readWithR3labs(ctx, w.api, "/v1/rooms/"+w.replica.room+"/events", w.connect(), w.take)
}

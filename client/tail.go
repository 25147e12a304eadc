package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pathsync/pathsync/internal/eventstream"
)

// Subscription says what Tail follows.
type Subscription struct {
	Rooms       []string // at least one; all over one stream
	ClientID    string   // id under which the client is present in the rooms; "": it is not present
	DisplayName string   // name of the client for others; needs ClientID
	After       string   // event id to resume after; "": begin with the documents
}

// Event is one event of a stream.
type Event struct {
	Name string          // state, up-to-date, delta, presence, presence-change, reconnect or problem
	Data json.RawMessage // compact
	// Position is the event id to resume after once this event has been processed; "" before the first one.
	Position string
}

// Errors for which Tail reconnects.
var (
	ErrEnded   = errors.New("the stream has ended")
	ErrSilent  = errors.New("the server has gone silent")
	ErrNotJSON = errors.New("the data of an event is not JSON")
)

const (
	defaultRetry  = 2 * time.Second
	maxEventBytes = 256 << 20 // of a whole document
)

// Tail follows rooms. It returns the documents as state events, then up-to-date, and then every later event once and in
// order. When a stream ends, Tail reconnects and resumes after the last event with an id. Without one, or if the server can
// no longer resume there, the documents come again. A stream counts as ended when it has not begun within Patience, and when
// no byte of it arrives for 2.5 times Config.Heartbeat.
//
// Tail reconnects until the loop or ctx ends, or the server refuses. After a refusal, the last pair has a *Problem, and
// after the end of ctx its error. An answer that is not the server's, such as a page of a proxy, counts as a refusal until
// a stream has begun: the URL may be wrong. After that, Tail reconnects.
func (c *Client) Tail(ctx context.Context, s Subscription) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		t := &tail{client: c, address: c.address(s), position: s.After, retry: defaultRetry, silence: c.cfg.Heartbeat * 5 / 2, yield: yield}
		if err := t.run(ctx); err != nil && !t.stopped {
			yield(Event{}, err)
		}
	}
}

func (c *Client) address(s Subscription) string {
	query := url.Values{}
	if s.ClientID != "" {
		query.Set("clientId", s.ClientID)
	}
	if s.DisplayName != "" {
		query.Set("displayName", s.DisplayName)
	}
	address := c.base + "/events"
	if len(s.Rooms) == 1 {
		address = c.roomURL(s.Rooms[0], "events")
	} else {
		query["room"] = s.Rooms
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// tail is one call of Tail.
type tail struct {
	client   *Client
	address  string
	silence  time.Duration // after which a stream counts as ended
	yield    func(Event, error) bool
	position string        // to resume after
	retry    time.Duration // wait after the end of a stream, set by the server
	stopped  bool          // the loop has ended
	followed bool          // an event has come, of any stream

	// Of the current stream.
	received bool          // an event has come
	planned  time.Duration // when to reconnect, from a reconnect event; 0: none
	refusal  *Problem      // from a problem event that is not retryable
}

func (t *tail) run(ctx context.Context) error {
	for failures := 0; ; {
		t.received, t.planned = false, 0
		err := t.stream(ctx)
		after, ok := retryable(err)
		switch {
		case t.stopped:
			return nil
		case t.refusal != nil:
			return t.refusal
		case ctx.Err() != nil:
			return ctx.Err()
		case !ok && !(t.followed && isForeign(err)), errors.Is(err, eventstream.ErrTooLarge):
			return err
		case t.planned > 0:
			failures, after = 0, t.planned
		case t.received || errors.Is(err, ErrEnded):
			failures, after = 0, t.retry
		default:
			failures++
			after = max(after, backoff(failures))
		}
		t.client.cfg.OnRetry(err, after)
		if err := t.client.cfg.Wait(ctx, after); err != nil {
			return err
		}
	}
}

// stream reads one stream until it ends, and returns why it did.
func (t *tail) stream(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	watchdog := time.AfterFunc(Patience, func() { cancel(ErrSilent) })
	defer watchdog.Stop()
	resp, err := t.open(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer resp.Body.Close()
	watchdog.Reset(t.silence)
	events := eventstream.NewReader(&watched{resp.Body, func() { watchdog.Reset(t.silence) }}, maxEventBytes)
	for {
		e, err := events.Next()
		if d := events.Retry(); d > 0 {
			t.retry = min(d, MaxRetryAfter)
		}
		if errors.Is(err, io.EOF) {
			return ErrEnded
		}
		if err != nil {
			return causeOf(ctx, err)
		}
		watchdog.Stop() // the loop may take its time
		if err := t.take(e); err != nil {
			return err
		}
		watchdog.Reset(t.silence)
	}
}

func (t *tail) open(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.address, nil)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if t.position != "" {
		req.Header.Set("Last-Event-ID", t.position)
	}
	resp, err := t.client.streams.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, readProblem(resp)
	}
	if err := expectType(resp, "text/event-stream"); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// knownEvents has the names of the events that have effects. Others may be added.
var knownEvents = []string{"state", "up-to-date", "delta", "presence", "presence-change", "reconnect", "problem"}

// take passes one event on. An error ends the stream.
func (t *tail) take(e eventstream.Event) error {
	var data bytes.Buffer
	if json.Compact(&data, e.Data) != nil {
		if slices.Contains(knownEvents, e.Name) {
			return ErrNotJSON // continuing would skip it
		}
		return nil
	}
	t.received, t.followed = true, true
	if e.ID != "" {
		t.position = e.ID
	}
	if !t.yield(Event{Name: e.Name, Data: data.Bytes(), Position: t.position}, nil) {
		t.stopped = true
		return ErrEnded
	}
	switch e.Name {
	case "reconnect":
		var r struct {
			AfterMs int64 `json:"afterMs"`
		}
		if json.Unmarshal(data.Bytes(), &r) == nil {
			t.planned = time.Duration(min(max(r.AfterMs, 1), MaxRetryAfter.Milliseconds())) * time.Millisecond
		}
	case "problem":
		p := new(Problem)
		if err := json.Unmarshal(data.Bytes(), p); err != nil {
			p = &Problem{Title: "the server ended the stream"}
		}
		if !p.Retryable {
			t.refusal = p
			return ErrEnded
		}
	}
	return nil
}

// causeOf returns ErrSilent in place of the error that it has led to.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrSilent) {
		return ErrSilent
	}
	return err
}

// watched is a body that reports every read that returns bytes. Heartbeats are comments, so they show here only.
type watched struct {
	io.Reader
	alive func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.alive()
	}
	return n, err
}

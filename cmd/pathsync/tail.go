package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/r3labs/sse/v2"
)

type tailCommand struct {
	serverFlag `embed:""`

	Rooms    []string `arg:"" name:"room" help:"The rooms."`
	ClientID string   `name:"client-id" placeholder:"ID" help:"Be present in the room under this id; without it, only listen."`
	After    string   `placeholder:"EVENTID" help:"Begin behind this event, instead of with the documents as they stand."`
}

// Help is shown below the flags.
func (*tailCommand) Help() string {
	return `Prints one line per event: its name, the position to resume from after it (- for none yet) and its data, with tabs in between. When the server goes away, the rooms are followed again from that position, without a gap. Several rooms come over one stream, and have one position together. Ends with Ctrl-C.

Examples:

  pathsync tail board-7
  pathsync tail board-7 --after k3v9x2qa-12
  pathsync tail board-7 board-8 --after k3v9x2qa-12.7
  pathsync tail board-7 | grep ^delta | cut -f3 | jq .ops`
}

// silence is how long a stream may say nothing before it counts as dead. The server sends a heartbeat every 15 s.
const silence = 40 * time.Second

// Run follows the rooms until ctx ends, which is success, or the server will not have it.
func (c *tailCommand) Run(ctx context.Context, p *program) error {
	f := &follower{
		address: c.address(), position: c.After, retry: 2 * time.Second, silence: silence,
		client: c.httpClient(), program: p,
	}
	err := f.follow(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // being interrupted is how it is meant to end
	}
	return err
}

func (c *tailCommand) address() string {
	query := url.Values{}
	if c.ClientID != "" {
		query.Set("clientId", c.ClientID)
	}
	address := c.events()
	if len(c.Rooms) == 1 {
		address = c.room(c.Rooms[0], "events")
	} else {
		query["room"] = c.Rooms
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// follower is a reader of some rooms over as many streams as it takes.
type follower struct {
	*program
	address  string
	client   *http.Client
	silence  time.Duration
	position string        // what to resume from; "" begins with whole state
	retry    time.Duration // how long to wait after a stream has ended, as the server told

	// Of the current stream.
	heard   bool          // an event has come
	planned time.Duration // the server is going away and said when to come back; 0: it did not
	stop    error         // why not to go on
}

// follow reads streams until ctx ends or the server will not have it, and returns which of them it was.
func (f *follower) follow(ctx context.Context) error {
	for failures := 0; ; {
		f.heard, f.planned = false, 0
		err := stream(ctx, f.client, f.address, f.position, f.silence, f.take)
		after, passing := mayPass(err)
		switch {
		case f.stop != nil:
			return f.stop
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = errEnded
		case !passing:
			return err
		}
		switch {
		case f.planned > 0:
			failures, after = 0, f.planned
		case f.heard || errors.Is(err, errEnded):
			failures, after = 0, f.retry
		default:
			failures++
			after = max(after, delay(failures))
		}
		fmt.Fprintf(f.stderr, "pathsync: %v; connecting again in %s\n", err, after.Round(time.Millisecond))
		if err := f.wait(ctx, after); err != nil {
			return err
		}
	}
}

// errEnded: the server has closed a stream in the regular way.
var errEnded = errors.New("the stream has ended")

// take takes in one event, and reports whether to go on reading.
//
// When a connection breaks in the middle of an event, the reader hands over the half that came. That half must not
// count: resuming behind it would skip the event. Without data, or with half a JSON text, it is known for what it is.
func (f *follower) take(event *sse.Event) (goOn bool) {
	if ms, err := strconv.ParseInt(string(event.Retry), 10, 32); err == nil && ms > 0 {
		f.retry = time.Duration(ms) * time.Millisecond
	}
	var data bytes.Buffer
	if json.Compact(&data, event.Data) != nil {
		return true
	}
	f.heard = true
	if len(event.ID) > 0 {
		f.position = string(event.ID)
	}
	if err := f.print(string(event.Event), data.Bytes()); err != nil {
		f.stop = fmt.Errorf("writing: %w", err)
		return false
	}
	switch string(event.Event) {
	case "reconnect":
		var e struct {
			AfterMs int64 `json:"afterMs"`
		}
		if json.Unmarshal(data.Bytes(), &e) == nil {
			f.planned = time.Duration(max(e.AfterMs, 1)) * time.Millisecond
		}
	case "problem":
		why := new(problem)
		if err := json.Unmarshal(data.Bytes(), why); err != nil {
			why = &problem{Title: "the server ended the stream"}
		}
		if !why.Retryable {
			f.stop = why
			return false
		}
	}
	return true
}

func (f *follower) print(event string, data []byte) error {
	position := f.position
	if position == "" {
		position = "-"
	}
	_, err := fmt.Fprintf(f.stdout, "%s\t%s\t%s\n", event, position, data)
	return err
}

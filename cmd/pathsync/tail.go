package main

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/pathsync/pathsync/client"
)

type tailCommand struct {
	serverFlags `embed:""`

	JSON     bool     `name:"json" xor:"form" help:"Print one JSON object per event: event, position and data."`
	Pretty   bool     `xor:"form" help:"Print for people: what changed, and who."`
	Rooms    []string `arg:"" name:"room" help:"The rooms."`
	ClientID string   `name:"client-id" placeholder:"ID" help:"Be present in the rooms under this id; without it, only read."`
	After    string   `placeholder:"EVENTID" help:"Resume after this event, instead of beginning with the documents."`
}

// Help is shown below the flags.
func (*tailCommand) Help() string {
	return `Prints one line per event, with tabs between its parts: its name, the position to resume from after it (- before the first one) and its data. When a stream ends, the command reconnects and resumes from that position, without a gap. Several rooms share one stream and one position. Ctrl-C ends it.

Examples:

  pathsync tail board-7 --pretty
  pathsync tail board-7 --after k3v9x2qa-12
  pathsync tail board-7 board-8 --after k3v9x2qa-12.7
  pathsync tail board-7 | grep ^delta | cut -f3 | jq .ops`
}

// Run follows the rooms until the server refuses, or until ctx ends, which is success.
func (c *tailCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(p)
	if err != nil {
		return err
	}
	for event, err := range server.Tail(ctx, client.Subscription{Rooms: c.Rooms, ClientID: c.ClientID, After: c.After}) {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if err := c.print(p, event); err != nil {
			return err
		}
	}
	return nil
}

func (c *tailCommand) print(p *program, e client.Event) error {
	switch {
	case c.JSON:
		return p.stdout.writeLine(struct {
			Event    string          `json:"event"`
			Position string          `json:"position,omitempty"`
			Data     json.RawMessage `json:"data"`
		}{e.Name, e.Position, e.Data})
	case c.Pretty:
		return p.printPretty(e, len(c.Rooms) > 1)
	default:
		return p.stdout.printf("%s\t%s\t%s\n", e.Name, cmp.Or(e.Position, "-"), string(e.Data))
	}
}

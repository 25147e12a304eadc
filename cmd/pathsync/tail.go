package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pathsync/pathsync/client"
)

type tailCommand struct {
	serverFlags `embed:""`

	Rooms    []string `arg:"" name:"room" help:"The rooms."`
	ClientID string   `name:"client-id" placeholder:"ID" help:"Be present in the rooms under this id; without it, only read."`
	After    string   `placeholder:"EVENTID" help:"Resume after this event, instead of beginning with the documents."`
}

// Help is shown below the flags.
func (*tailCommand) Help() string {
	return `Prints one line per event, with tabs between its parts: its name, the position to resume from after it (- before the first one) and its data. When a stream ends, the command reconnects and resumes from that position, without a gap. Several rooms share one stream and one position. Ctrl-C ends it.

Examples:

  pathsync tail board-7
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
		if _, err := fmt.Fprintf(p.stdout, "%s\t%s\t%s\n", event.Name, cmp.Or(event.Position, "-"), event.Data); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pathsync/pathsync/client"
)

type historyCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	Room  string `arg:"" help:"The room."`
	After string `placeholder:"EVENTID" xor:"begin" help:"Begin after this event."`
	Last  int64  `placeholder:"N" xor:"begin" help:"Print the last N batches only."`
	Key   string `placeholder:"KEY" help:"Print batches of this document only."`
}

// Help is shown below the flags.
func (*historyCommand) Help() string {
	return `Prints one line per batch, the oldest first: its number, time, sender, document, and the operations that took effect. The log begins where --log-retention has pruned it: then --last or --after is needed.

With --json, each line is a batch as GET /v1/rooms/{room}/changes returns it.

Examples:

  pathsync history board-7 --last 20
  pathsync history board-7 --json | jq -r .userId | sort | uniq -c`
}

// Validate is called by kong before Run.
func (c *historyCommand) Validate() error {
	if c.Last < 0 {
		return errors.New("--last must be at least 0")
	}
	return c.serverFlags.Validate()
}

// historyPage is the number of batches of one request.
const historyPage = 100

// Run prints the log, page by page, up to its end at the time of the last page.
func (c *historyCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(p)
	if err != nil {
		return err
	}
	after := c.After
	if c.Last > 0 {
		if after, err = c.lastPosition(ctx, server); err != nil {
			return err
		}
	}
	for {
		page, err := server.Changes(ctx, c.Room, after, historyPage)
		if problem := (*client.Problem)(nil); errors.As(err, &problem) && problem.Code == "position_gone" {
			return fmt.Errorf("%w; the log does not reach back to there: choose --last N", err)
		}
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			if c.Key != "" && change.Key != c.Key {
				continue
			}
			if err := c.print(p, change); err != nil {
				return err
			}
		}
		if after = page.Next; page.UpToDate {
			return nil
		}
	}
}

// lastPosition returns the event id before the last batches.
func (c *historyCommand) lastPosition(ctx context.Context, server *client.Client) (string, error) {
	at, err := server.Position(ctx, c.Room)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s-%d", at.Epoch, max(0, at.ServerSeq-c.Last)), nil
}

func (c *historyCommand) print(p *program, change client.Change) error {
	if c.JSON {
		return p.stdout.printf("%s\n", string(change.JSON))
	}
	sender := change.ClientID
	if change.UserID != "" {
		sender = change.UserID + " (" + sender + ")"
	}
	ops := make([]string, len(change.Ops))
	for i, op := range change.Ops {
		ops[i] = describeOp(op)
	}
	return p.stdout.printf("%s  %s  %s  %s  %s\n", bold.of("%6d", change.ServerSeq), dim.of("%s", formatTime(change.ServerTs)), blue.of("%s", sender), change.Key,
		strings.Join(ops, "; "))
}

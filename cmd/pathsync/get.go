package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

type getCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	Room string  `arg:"" help:"The room."`
	Key  *string `arg:"" optional:"" help:"The document's key; without it, the whole room."`
}

// Help is shown below the flags.
func (*getCommand) Help() string {
	return `Examples:

  pathsync get board-7
  pathsync get board-7 default | jq .state.title`
}

// Run prints the answer: indented on a terminal without --json, and otherwise unchanged.
func (c *getCommand) Run(ctx context.Context, p *program) error {
	text, err := c.get(ctx, p)
	if err != nil {
		return err
	}
	if p.stdout.terminal && !c.JSON {
		var lines bytes.Buffer
		if err := json.Indent(&lines, text, "", "  "); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		text = lines.Bytes()
	}
	return p.stdout.printf("%s\n", string(text))
}

func (c *getCommand) get(ctx context.Context, p *program) (json.RawMessage, error) {
	server, err := c.client(p)
	if err != nil {
		return nil, err
	}
	if c.Key == nil {
		room, err := server.Get(ctx, c.Room)
		return room.JSON, err
	}
	document, err := server.GetDocument(ctx, c.Room, *c.Key)
	return document.JSON, err
}

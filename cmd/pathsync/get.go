package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

type getCommand struct {
	serverFlag `embed:""`

	Room string  `arg:"" help:"The room."`
	Key  *string `arg:"" optional:"" help:"The document's key; without it, the whole room."`
}

// Help is shown below the flags.
func (*getCommand) Help() string {
	return `Examples:

  pathsync get board-7
  pathsync get board-7 default | jq .state.title`
}

// Run prints the answer: in lines for a person, as it came for a program.
func (c *getCommand) Run(ctx context.Context, p *program) error {
	address := c.room(c.Room)
	if c.Key != nil {
		address = c.room(c.Room, "stores", *c.Key)
	}
	answer, err := exchange(ctx, c.httpClient(), http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	text := bytes.TrimSpace(answer)
	if p.stdout.terminal {
		var lines bytes.Buffer
		if err := json.Indent(&lines, text, "", "  "); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		text = lines.Bytes()
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", text)
	return err
}

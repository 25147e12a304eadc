package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/pathsync/pathsync/client"
)

type setCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	Room string `arg:"" help:"The room."`
	Key  string `arg:"" help:"The document's key."`
	Path string `arg:"" help:"The path in the document; '' is the document itself."`

	Value string `arg:"" name:"json" help:"The value, as JSON; - reads it from standard input."`
}

// Help is shown below the flags.
func (*setCommand) Help() string {
	return `Prints the number of the change in its room, and its outcome.

If the server does not answer, or asks for a retry, the same change is sent again, up to seven times in total. The waits double from 250 ms to 8 s; the server can ask for up to 10 minutes each. The server applies the change only once. After an error, it may have been applied, because an answer may have been lost. Each run of the command makes a new change.

Examples:

  pathsync set board-7 default title '"Launch"'        # strings need quotes
  pathsync set board-7 default 'tasks[t1].done' true   # an item, by its id
  pathsync set board-7 default balance -- -5           # -- ends the flags
  pathsync set board-7 default '' - < document.json`
}

// Run submits one batch. A discarded change is an error: the document does not have the value.
func (c *setCommand) Run(ctx context.Context, p *program) error {
	value, err := c.value(p.input(ctx))
	if err != nil {
		return err
	}
	server, err := c.client(p)
	if err != nil {
		return err
	}
	result, err := server.Submit(ctx, c.Room, client.Batch{
		ClientID: uuid.NewString(), ClientSeq: 1, Key: c.Key,
		Ops: []client.Op{{Path: c.Path, Op: "set", Value: value}},
	})
	if err != nil {
		return err
	}
	outcome := result.Results[0]
	if c.JSON {
		err = p.stdout.writeJSON(struct {
			Epoch     string `json:"epoch"`
			ServerSeq int64  `json:"serverSeq"`
			Status    string `json:"status"`
			Reason    string `json:"reason,omitempty"` // of a change that was discarded
		}{result.Epoch, result.ServerSeq, outcome.Status, outcome.Reason})
	}
	if err == nil && outcome.Status != "applied" {
		err = fmt.Errorf("%d %s: %s", result.ServerSeq, outcome.Status, outcome.Reason)
	}
	if err != nil || c.JSON {
		return err
	}
	return p.stdout.printf("%d %s\n", result.ServerSeq, outcome.Status)
}

func (c *setCommand) value(stdin io.Reader) (json.RawMessage, error) {
	value := []byte(c.Value)
	if c.Value == "-" {
		var err error
		if value, err = io.ReadAll(stdin); err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
	}
	if !json.Valid(value) {
		return nil, usageError{errors.New(`the value is not JSON; a string needs quotes of its own, as in '"Launch"'`)}
	}
	return value, nil
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

type setCommand struct {
	serverFlag `embed:""`

	Room string `arg:"" help:"The room."`
	Key  string `arg:"" help:"The document's key."`
	Path string `arg:"" help:"Where in the document; '' is the document itself."`
	JSON string `arg:"" name:"json" help:"The value, as JSON; - reads it from standard input."`
}

// Help is shown below the flags.
func (*setCommand) Help() string {
	return `Prints the number that the change has in its room, and what became of it. When the server cannot take it now, the same change is sent again for some seconds; it is never applied twice.

Examples:

  pathsync set board-7 default title '"Launch"'          # a string has its own quotes
  pathsync set board-7 default 'tasks[t1].done' true     # an array item, by its id
  pathsync set board-7 default balance -- -5             # -- ends the flags
  pathsync set board-7 default '' - < document.json`
}

// tries is how often a change is sent: for about eight seconds.
const tries = 7

// tryTimeout is how long one try may take as a whole.
const tryTimeout = 20 * time.Second

// Run sends one batch until its fate is known, or the tries are used up.
func (c *setCommand) Run(ctx context.Context, p *program) error {
	batch, err := c.batch(p.stdin)
	if err != nil {
		return err
	}
	answer, err := c.submit(ctx, p, batch)
	if err != nil {
		return err
	}
	return report(p, answer)
}

// batch encodes the change once: a retry repeats its bytes, so that the server knows it again.
func (c *setCommand) batch(stdin io.Reader) ([]byte, error) {
	value := []byte(c.JSON)
	if c.JSON == "-" {
		var err error
		if value, err = io.ReadAll(stdin); err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
	}
	if !json.Valid(value) {
		return nil, usageError{errors.New(`the value is not JSON; a string needs quotes of its own, as in '"Launch"'`)}
	}
	type operation struct {
		Path  string          `json:"path"`
		Op    string          `json:"op"`
		Value json.RawMessage `json:"value"`
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		ClientID  string      `json:"clientId"`
		ClientSeq int         `json:"clientSeq"`
		Key       string      `json:"key"`
		Ops       []operation `json:"ops"`
	}{uuid.NewString(), 1, c.Key, []operation{{c.Path, "set", value}}})
	if err != nil {
		return nil, fmt.Errorf("encoding the change: %w", err)
	}
	return body.Bytes(), nil
}

func (c *setCommand) submit(ctx context.Context, p *program, batch []byte) ([]byte, error) {
	client := c.httpClient()
	for failures := 1; ; failures++ {
		answer, err := c.try(ctx, client, batch)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		after, passing := mayPass(err)
		if !passing || failures == tries {
			return nil, err
		}
		fmt.Fprintf(p.stderr, "pathsync: %v; trying again\n", err)
		if err := p.wait(ctx, max(after, delay(failures))); err != nil {
			return nil, err
		}
	}
}

func (c *setCommand) try(ctx context.Context, client *http.Client, batch []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return exchange(ctx, client, http.MethodPost, c.room(c.Room, "ops"), batch)
}

// report prints what became of the change. One that was discarded is a failure: the value is not there.
func report(p *program, answer []byte) error {
	var a struct {
		ServerSeq int64 `json:"serverSeq"`
		Results   []struct {
			Status string `json:"status"`
			Reason string `json:"reason"`
		} `json:"results"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if len(a.Results) != 1 {
		return fmt.Errorf("reading the answer: %d results for one operation", len(a.Results))
	}
	result := a.Results[0]
	if result.Status != "applied" {
		return fmt.Errorf("%d %s: %s", a.ServerSeq, result.Status, result.Reason)
	}
	_, err := fmt.Fprintf(p.stdout, "%d %s\n", a.ServerSeq, result.Status)
	return err
}

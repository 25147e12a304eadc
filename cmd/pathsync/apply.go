package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/pathsync/pathsync/client"
)

type applyCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	Room string `arg:"" help:"The room."`
	Key  string `arg:"" help:"The document's key."`
	File string `arg:"" optional:"" default:"-" help:"The operations; - is standard input (${default})."`

	batchFlags `embed:""`
}

// Help is shown below the flags.
func (*applyCommand) Help() string {
	return `Applies operations to a document. The file has JSON objects such as {"op":"set","path":"title","value":"Launch"}, one after the other, and arrays of them. An array is one batch: it is applied as a unit. Single operations are sent in batches of up to --batch-ops and --batch-bytes.

Each batch is sent again as by set. After an error, earlier batches are applied, and the one that failed may be. Discarded operations are listed; the exit code is then 1.

Examples:

  pathsync apply board-7 default changes.json
  echo '{"op":"delete","path":"draft"}' | pathsync apply board-7 default`
}

// Validate is called by kong before Run.
func (c *applyCommand) Validate() error {
	return cmp.Or(c.batchFlags.Validate(), c.serverFlags.Validate())
}

// applyCounts counts the operations of a file.
type applyCounts struct {
	Batches   int   `json:"batches"`
	Applied   int   `json:"applied"`
	Discarded int   `json:"discarded"`
	ServerSeq int64 `json:"serverSeq"` // of the last batch
}

// Run sends the operations in order.
func (c *applyCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(p)
	if err != nil {
		return err
	}
	in, done, err := p.open(ctx, c.File)
	if err != nil {
		return err
	}
	defer done()
	var (
		counts applyCounts
		sender = uuid.NewString()
		line   = p.progress()
	)
	defer line.clear()
	err = readOps(in, c.batchFlags, func(ops []client.Op) error {
		result, err := server.Submit(ctx, c.Room, client.Batch{
			ClientID: sender, ClientSeq: int64(counts.Batches) + 1, PreviousClientSeq: int64(counts.Batches), Key: c.Key, Ops: ops,
		})
		if err != nil {
			return fmt.Errorf("after %s in %s: %w", count(counts.Applied+counts.Discarded, "operation"), batches(counts.Batches), err)
		}
		counts.Batches, counts.ServerSeq = counts.Batches+1, result.ServerSeq
		for i, outcome := range result.Results {
			if outcome.Status == "applied" {
				counts.Applied++
				continue
			}
			counts.Discarded++
			line.clear()
			if err := p.stderr.printf("discarded: %s at %q: %s\n", ops[i].Op, ops[i].Path, outcome.Reason); err != nil {
				return err
			}
		}
		line.show("%s in %s", count(counts.Applied+counts.Discarded, "operation"), batches(counts.Batches))
		return nil
	})
	if err != nil {
		return err
	}
	line.clear()
	if c.JSON {
		err = p.stdout.writeJSON(counts)
	} else {
		err = p.stdout.printf("%s applied, %d discarded, in %s\n", count(counts.Applied, "operation"), counts.Discarded, batches(counts.Batches))
	}
	if err == nil && counts.Discarded > 0 {
		err = fmt.Errorf("discarded: %s", count(counts.Discarded, "operation"))
	}
	return err
}

func batches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}

// readOps calls send for each batch of a sequence of operations and of arrays of operations.
func readOps(in io.Reader, limits batchFlags, send func([]client.Op) error) error {
	decoder := json.NewDecoder(in)
	var (
		pending []client.Op
		size    int // of pending
	)
	flush := func() error {
		ops := pending
		if pending, size = nil, 0; len(ops) == 0 {
			return nil
		}
		return send(ops)
	}
	for n := 1; ; n++ {
		var text json.RawMessage
		if err := decoder.Decode(&text); errors.Is(err, io.EOF) {
			return flush()
		} else if err != nil {
			return fmt.Errorf("reading value %d: %w", n, err)
		}
		ops, unit, err := parseOps(text)
		if err != nil {
			return fmt.Errorf("value %d is neither an operation nor an array of operations: %w", n, err)
		}
		if unit || limits.full(len(pending), size, ops[0]) {
			if err := flush(); err != nil {
				return err
			}
		}
		for _, op := range ops {
			pending, size = append(pending, op), size+opBytes(op)
		}
		if unit {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// parseOps reads an operation, or an array of operations, which is a unit.
func parseOps(text json.RawMessage) (ops []client.Op, unit bool, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if unit = text[0] == '['; unit {
		err = decoder.Decode(&ops)
	} else {
		ops = make([]client.Op, 1)
		err = decoder.Decode(&ops[0])
	}
	for _, op := range ops {
		if altered(text, op.Path) || op.To != nil && altered(text, *op.To) {
			err = cmp.Or(err, fmt.Errorf("the path %q is not valid Unicode", op.Path))
		}
	}
	return ops, unit, err
}

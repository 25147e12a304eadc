package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"
)

// Batch is operations on one document, applied whole and in order.
type Batch struct {
	ClientID string `json:"clientId"` // names the sender in the room
	// ClientSeq numbers the batches of ClientID in a room: 1, 2, 3 … A batch without it (0) is not recognised when it is
	// repeated, so Submit sends it only once.
	ClientSeq         int64  `json:"clientSeq,omitempty"`
	PreviousClientSeq int64  `json:"previousClientSeq,omitempty"` // of the batch before this one; 0: none
	Key               string `json:"key"`                         // store key of the document
	Ops               []Op   `json:"ops"`
}

// Op is one operation; docs/reference/path-operations.md describes them.
type Op struct {
	Path       string          `json:"path"`
	Op         string          `json:"op"` // set, delete, array_add, array_del, array_move or init
	Value      json.RawMessage `json:"value,omitempty"`
	After      json.RawMessage `json:"after,omitempty"` // id of the item before, as JSON; null: first
	ArrayIndex *int            `json:"arrayIndex,omitempty"`
	To         *string         `json:"to,omitempty"` // path of another array, for array_move
}

// Result is the outcome of a batch.
type Result struct {
	Epoch     string     `json:"epoch"`
	ServerSeq int64      `json:"serverSeq"` // of the batch in its room
	Duplicate bool       `json:"duplicate"` // the batch was in the log before
	Results   []OpResult `json:"results"`   // one per operation
}

// OpResult is the outcome of one operation.
type OpResult struct {
	Status string `json:"status"` // applied or discarded
	Reason string `json:"reason"` // why it was discarded
}

// Submit sends a batch and returns its outcome. A batch with a ClientSeq is sent up to seven times, with the same bytes:
// after an error of the network, after an answer of something other than pathsync, such as a page of a proxy, and after a
// *Problem that is Retryable. The waits in between double from 250 ms to 8 s, each shortened by a random part of up to half; the
// server can ask for longer ones, up to MaxRetryAfter. An attempt has no total time limit. It fails when it stalls for Patience.
//
// The server applies a batch with a ClientSeq only once. After an error, also a *Problem, the batch may have been applied:
// the answer of an earlier attempt may have been lost. To find out, submit the same batch again. Result.Duplicate is true if
// the batch was in the log before.
func (c *Client) Submit(ctx context.Context, room string, b Batch) (Result, error) {
	if err := b.check(); err != nil {
		return Result{}, err
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(b); err != nil {
		return Result{}, fmt.Errorf("encoding the batch: %w", err)
	}
	var result Result
	submit := func() error {
		answer, err := c.exchange(ctx, http.MethodPost, c.roomURL(room, "ops"), body.Bytes())
		if err == nil {
			result, err = readResult(answer, len(b.Ops))
		}
		if p := new(Problem); errors.As(err, &p) && p.Code == "" { // the server has decided nothing
			p.Retryable = true
		}
		return err
	}
	var err error
	if b.ClientSeq == 0 {
		err = submit()
	} else {
		err = c.retry(ctx, submit)
	}
	return result, err
}

// check refuses names that JSON would change.
func (b Batch) check() error {
	names := []string{b.ClientID, b.Key}
	for _, op := range b.Ops {
		if names = append(names, op.Path); op.To != nil {
			names = append(names, *op.To)
		}
	}
	for _, name := range names {
		if !utf8.ValidString(name) {
			return fmt.Errorf("encoding the batch: %q is not valid UTF-8", name)
		}
	}
	return nil
}

func readResult(answer []byte, ops int) (r Result, err error) {
	if err := json.Unmarshal(answer, &r); err != nil {
		return Result{}, fmt.Errorf("reading the answer: %w", err)
	}
	if len(r.Results) != ops {
		return Result{}, fmt.Errorf("reading the answer: %d results for %d operations", len(r.Results), ops)
	}
	return r, nil
}

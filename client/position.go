package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Position is a position in a room's log.
type Position struct {
	Epoch     string
	ServerSeq int64
}

// Position returns the position of a room, without its documents. It is retried as by Submit.
func (c *Client) Position(ctx context.Context, room string) (p Position, err error) {
	err = c.retry(ctx, func() (err error) {
		p, err = c.position(ctx, room)
		return err
	})
	return p, err
}

func (c *Client) position(ctx context.Context, room string) (Position, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.roomURL(room), nil)
	if err != nil {
		return Position{}, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("If-None-Match", "*") // the answer is then 304, without a body
	resp, err := c.http.Do(req)
	if err != nil {
		return Position{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotModified {
		return Position{}, readProblem(resp)
	}
	tag := strings.Trim(strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), `"`)
	epoch, digits, ok := strings.Cut(tag, "-")
	seq, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return Position{}, &Problem{Title: "the answer does not tell the position of the room", Status: resp.StatusCode}
	}
	return Position{epoch, seq}, nil
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// Changes is a part of a room's log.
type Changes struct {
	Epoch    string   `json:"epoch"`
	Changes  []Change `json:"changes"`
	Next     string   `json:"next"`     // event id to continue after
	UpToDate bool     `json:"upToDate"` // the room has no later batches
}

// Change is one batch of a room's log, with the operations that took effect.
type Change struct {
	Room      string `json:"room"`
	Key       string `json:"key"`
	ServerSeq int64  `json:"serverSeq"`
	ClientID  string `json:"clientId"`
	ClientSeq int64  `json:"clientSeq"` // 0: the batch has none
	UserID    string `json:"userId"`    // "": the sender was anonymous
	ServerTs  int64  `json:"serverTs"`  // milliseconds since the Unix epoch
	Ops       []Op   `json:"ops"`

	JSON json.RawMessage `json:"-"` // the whole change
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Change) UnmarshalJSON(text []byte) error {
	type plain Change
	if err := json.Unmarshal(text, (*plain)(c)); err != nil {
		return err
	}
	c.JSON = append(json.RawMessage(nil), text...)
	return nil
}

// Changes returns up to limit batches of a room after an event id, or from the beginning of its log if that is "". It is retried as by Submit. The error
// is a *Problem with code position_gone when the log does not reach back that far.
func (c *Client) Changes(ctx context.Context, room, after string, limit int) (page Changes, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	address := c.roomURL(room, "changes") + "?" + query.Encode()
	// A page that neither ends nor advances would be requested without end.
	if err = c.getAgain(ctx, address, &page, func() bool { return page.Next != "" && (page.UpToDate || page.Next != after) }); err != nil {
		return Changes{}, fmt.Errorf("reading the changes: %w", err)
	}
	return page, nil
}

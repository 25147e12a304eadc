package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// Rooms is one page of a list of rooms.
type Rooms struct {
	Rooms []RoomInfo `json:"rooms"`
	Next  string     `json:"next"` // position of the next page; "" at the end
}

// RoomInfo describes a room to an operator.
type RoomInfo struct {
	Room      string `json:"room"`
	Open      bool   `json:"open"` // at this server
	ServerSeq int64  `json:"serverSeq"`
	LastWrite int64  `json:"lastWrite,omitempty"` // milliseconds since the Unix epoch; 0: it is not known
	Readers   int    `json:"readers"`             // streams at this server
	Documents int    `json:"documents"`
	Bytes     int64  `json:"bytes"` // size of the documents
}

// Rooms returns a page of the rooms in the database. With open, it returns only the rooms that are open at this server. after is
// "" or Next of the previous page. It is retried as by Submit. Config.Server has to be the URL of the server's AdminListen.
func (c *Client) Rooms(ctx context.Context, open bool, after string, limit int) (page Rooms, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}, "open": {strconv.FormatBool(open)}}
	if after != "" {
		query.Set("after", after)
	}
	address := c.server + "/admin/rooms?" + query.Encode()
	if err = c.getAgain(ctx, address, &page, func() bool { return page.Rooms != nil && (page.Next == "" || page.Next != after) }); err != nil {
		return Rooms{}, fmt.Errorf("listing the rooms: %w", err)
	}
	return page, nil
}

// Stats is the state of a server.
type Stats struct {
	Version     string `json:"version"`
	Epoch       string `json:"epoch"`
	UptimeMs    int64  `json:"uptimeMs"`
	DatabaseUp  bool   `json:"databaseUp"`
	Rooms       int    `json:"rooms"`
	Streams     int    `json:"streams"`
	Requests    int64  `json:"requests"`
	MemoryBytes int64  `json:"memoryBytes"`
	FeedBytes   int64  `json:"feedBytes"`
	QueuedBytes int64  `json:"queuedBytes"`
	UnsavedMs   int64  `json:"unsavedMs"`
	TailLagMs   int64  `json:"tailLagMs"`
	Servers     int    `json:"servers"` // 0: the server shares its database with no other
	BusHealthy  bool   `json:"busHealthy"`

	JSON json.RawMessage `json:"-"` // the whole answer
}

// Stats returns the state of the server. Config.Server has to be the URL of its AdminListen.
func (c *Client) Stats(ctx context.Context) (s Stats, err error) {
	if s.JSON, err = c.get(ctx, c.server+"/admin/stats", &s, func() bool { return s.Version != "" }); err != nil {
		return Stats{}, fmt.Errorf("reading the statistics: %w", err)
	}
	return s, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/client"
)

type roomsCommand struct {
	adminFlags  `embed:""`
	outputFlags `embed:""`

	Open  bool `help:"List the rooms that are open at the server, the first opened first."`
	Limit int  `placeholder:"N" help:"End after this many rooms; 0 for no limit (${default})." default:"0"`
}

// Help is shown below the flags.
func (*roomsCommand) Help() string {
	return `Lists the rooms of the server's database, in its order of names: the number of the last batch, the readers at this server, documents, bytes of documents, and the last write. The server must have --admin-listen.

With --json, each room is one line.

Examples:

  pathsync rooms --open
  pathsync rooms --json | jq -r 'select(.bytes > 1e6) | .room'`
}

// Validate is called by kong before Run.
func (c *roomsCommand) Validate() error {
	if c.Limit < 0 {
		return errors.New("--limit must be at least 0")
	}
	return c.adminFlags.Validate()
}

// roomPage is the number of rooms of one request.
const roomPage = 500

// Run prints one line per room, page by page.
func (c *roomsCommand) Run(ctx context.Context, p *program) error {
	if !c.JSON {
		if err := p.stdout.printf("%s\n", bold.of("%s", roomLine("SEQ", "READERS", "DOCS", "BYTES", "LAST WRITE", "ROOM"))); err != nil {
			return err
		}
	}
	return c.eachRoom(ctx, p, c.Open, c.Limit, func(room client.RoomInfo) error {
		if c.JSON {
			return p.stdout.writeLine(room)
		}
		return p.stdout.printf("%s\n", formatRoom(room))
	})
}

// eachRoom calls take for the first rooms of a list, or for all if limit is 0, until it returns an error.
func (f adminFlags) eachRoom(ctx context.Context, p *program, open bool, limit int, take func(client.RoomInfo) error) error {
	server, err := f.admin(p)
	if err != nil {
		return err
	}
	for after := ""; ; {
		size := roomPage
		if limit > 0 {
			size = min(size, limit)
		}
		page, err := server.Rooms(ctx, open, after, size)
		if err != nil {
			return f.explain(err)
		}
		for _, room := range page.Rooms {
			if err := take(room); err != nil {
				return err
			}
			if limit--; limit == 0 {
				return nil
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func formatRoom(r client.RoomInfo) string {
	readers := "closed"
	if r.Open {
		readers = fmt.Sprint(r.Readers)
	}
	return roomLine(fmt.Sprint(r.ServerSeq), readers, fmt.Sprint(r.Documents), formatBytes(r.Bytes), formatTime(r.LastWrite), r.Room)
}

func roomLine(seq, readers, documents, bytes, written, room string) string {
	return fmt.Sprintf("%10s  %7s  %6s  %9s  %-19s  %s", seq, readers, documents, bytes, written, room)
}

// formatBytes returns a size with up to three digits, such as 1.5 MiB.
func formatBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1024, next
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

// formatTime returns a time in milliseconds since the Unix epoch as local time, and a dash for 0.
func formatTime(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}

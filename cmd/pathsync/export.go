package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"github.com/pathsync/pathsync/client"
)

type exportCommand struct {
	serverFlags `embed:""`
	adminFlags  `embed:""`

	JSON bool `name:"json" help:"Print JSON, which this command does in any case." hidden:""`

	Rooms []string `arg:"" optional:"" name:"room" help:"The rooms; without one, all rooms of the database, from --admin."`
}

// Help is shown below the flags.
func (*exportCommand) Help() string {
	return `Writes one line of JSON per document to standard output: room, eventId, key, serverSeq and state. The documents of a room are of one moment. Rooms are read one after the other, and may change meanwhile. The change log and presence are not exported.

The command keeps one document in memory at a time. Standard output must accept a document within 10 s.

Examples:

  pathsync export board-7 > board-7.ndjson
  pathsync export | gzip > all.ndjson.gz`
}

// Validate is called by kong before Run.
func (c *exportCommand) Validate() error {
	if len(c.Rooms) == 0 {
		if err := c.adminFlags.Validate(); err != nil {
			return err
		}
	}
	return c.serverFlags.Validate()
}

// record is a line of an export.
type record struct {
	Room      string          `json:"room"`
	EventID   string          `json:"eventId,omitempty"` // position in the room of the export
	Key       string          `json:"key"`
	ServerSeq int64           `json:"serverSeq,omitempty"` // of the last batch that changed the document
	State     json.RawMessage `json:"state"`
}

// exporter writes documents, and counts them.
type exporter struct {
	server    *client.Client
	out       *bufio.Writer
	progress  *progress
	rooms     int
	documents int
	bytes     int64
}

// Run writes the documents of the rooms.
func (c *exportCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(p)
	if err != nil {
		return err
	}
	e := &exporter{server: server, out: bufio.NewWriterSize(p.stdout, 64<<10), progress: p.progress()}
	defer e.progress.clear()
	if err := c.eachRoom(ctx, p, func(room string) error { return e.room(ctx, room) }); err != nil {
		return err
	}
	if err := e.out.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	e.progress.clear()
	return p.stderr.printf("%s\n", e.counts())
}

func (c *exportCommand) eachRoom(ctx context.Context, p *program, export func(room string) error) error {
	if len(c.Rooms) > 0 {
		for _, room := range c.Rooms {
			if err := export(room); err != nil {
				return err
			}
		}
		return nil
	}
	admin, err := c.admin(p)
	if err != nil {
		return err
	}
	err = eachRoom(ctx, admin, false, func(room client.RoomInfo) (bool, error) { return true, export(room.Room) })
	if err != nil {
		return fmt.Errorf("%w (without rooms, the list comes from --admin %s)", err, c.Admin)
	}
	return nil
}

func (e *exporter) room(ctx context.Context, room string) error {
	for d, err := range e.server.Documents(ctx, room) {
		if err != nil {
			return fmt.Errorf("exporting room %q: %w", room, err)
		}
		if err := e.write(record{room, d.EventID, d.Key, d.ServerSeq, d.State}); err != nil {
			return err
		}
	}
	e.rooms++
	return nil
}

func (e *exporter) write(r record) error {
	encoder := json.NewEncoder(e.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	e.documents++
	e.bytes += int64(len(r.State))
	e.progress.show("exporting %q: %s", r.Room, e.counts())
	return nil
}

func (e *exporter) counts() string {
	return fmt.Sprintf("%s, %s, %s", count(e.rooms, "room"), count(e.documents, "document"), formatBytes(e.bytes))
}

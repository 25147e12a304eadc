package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/pathsync/pathsync/client"
)

type exportCommand struct {
	serverFlags `embed:""`
	adminFlags  `embed:""`

	JSON bool `name:"json" help:"Print JSON, which this command does in any case." hidden:""`

	Rooms  []string `arg:"" optional:"" name:"room" help:"The rooms; without one, all rooms of the database, from --admin."`
	Output string   `placeholder:"FILE" default:"-" help:"Write to this file, which gets its name when the export is complete; - is standard output (${default})."`
}

// Help is shown below the flags.
func (*exportCommand) Help() string {
	return `Writes one line of JSON per document: room, eventId, key, serverSeq and state. The documents of a room are of one moment. Rooms are read one after the other, and may change meanwhile. The change log and presence are not exported.

An export that fails is incomplete, and cannot be told from a complete one: check the exit code, or use --output. A shell reports the exit code of a command before a pipe only with set -o pipefail.

The command keeps one document in memory at a time. The output must accept a document within 10 s.

Examples:

  pathsync export --output all.ndjson && gzip all.ndjson
  pathsync export board-7 | jq .state`
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

// document identifies the document of a record.
func (r record) document() [2]string { return [2]string{r.Room, r.Key} }

// exporter writes documents, and counts them.
type exporter struct {
	server    *client.Client
	out       io.Writer
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
	e := &exporter{server: server, progress: p.progress()}
	defer e.progress.clear()
	write := func(out io.Writer) error {
		e.out = out
		return c.write(ctx, p, e)
	}
	if c.Output == "-" {
		err = write(p.stdout)
	} else {
		err = writeFile(c.Output, write)
	}
	if err != nil {
		return err
	}
	e.progress.clear()
	return p.stderr.printf("%s\n", e.counts())
}

func (c *exportCommand) write(ctx context.Context, p *program, e *exporter) error {
	if len(c.Rooms) == 0 {
		return c.eachRoom(ctx, p, false, 0, func(room client.RoomInfo) error { return e.room(ctx, room.Room) })
	}
	for _, room := range c.Rooms {
		if err := e.room(ctx, room); err != nil {
			return err
		}
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
	e.progress.show("exporting: %s; now %q", e.counts(), r.Room)
	return nil
}

func (e *exporter) counts() string {
	return fmt.Sprintf("%s, %s, %s", count(e.rooms, "room"), count(e.documents, "document"), formatBytes(e.bytes))
}

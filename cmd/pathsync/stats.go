package main

import (
	"context"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/client"
)

type statsCommand struct {
	adminFlags  `embed:""`
	outputFlags `embed:""`
}

// Help is shown below the flags.
func (*statsCommand) Help() string {
	return `Shows the state of a server at one moment. The server must have --admin-listen. /metrics at the same address has more, for monitoring.

Example:

  pathsync stats --json | jq .memoryBytes`
}

// Run prints the state.
func (c *statsCommand) Run(ctx context.Context, p *program) error {
	server, err := c.admin(p)
	if err != nil {
		return err
	}
	stats, err := server.Stats(ctx)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return p.stdout.printf("%s\n", string(stats.JSON))
	}
	for _, line := range describeStats(stats) {
		if err := p.stdout.printf("%s  %s\n", bold.of("%-10s", line.name), line.value); err != nil {
			return err
		}
	}
	return nil
}

type statsLine struct {
	name  string
	value any
}

func describeStats(s client.Stats) []statsLine {
	database := green.of("available")
	if !s.DatabaseUp {
		database = red.of("unavailable")
	}
	cluster := any("not shared with other servers")
	switch {
	case s.Servers == 0:
	case s.BusHealthy:
		cluster = green.of("%s", count(s.Servers, "live server"))
	default:
		cluster = red.of("%s; messages do not reach all of them", count(s.Servers, "live server"))
	}
	return []statsLine{
		{"version", s.Version},
		{"uptime", milliseconds(s.UptimeMs).Round(time.Second).String()},
		{"epoch", s.Epoch},
		{"database", database},
		{"rooms", fmt.Sprintf("%d open", s.Rooms)},
		{"streams", fmt.Sprintf("%d open", s.Streams)},
		{"requests", fmt.Sprintf("%d running", s.Requests)},
		{"memory", formatBytes(s.MemoryBytes) + " estimated, of it " + formatBytes(s.FeedBytes) + " of events"},
		{"waiting", formatBytes(s.QueuedBytes) + " of batches for their commit"},
		{"rows", "up to " + milliseconds(s.UnsavedMs).String() + " behind the log"},
		{"log tail", milliseconds(s.TailLagMs).String() + " late"},
		{"cluster", cluster},
	}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

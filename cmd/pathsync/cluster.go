package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pathsync/pathsync/sqlstore"
)

// clusterCommand prints the servers of a database.
type clusterCommand struct {
	databaseFlags `embed:""`
}

// Run prints a line for each server with a heartbeat of the last minute.
func (c *clusterCommand) Run(ctx context.Context, p *program) error {
	if err := c.checkEpoch(); err != nil {
		return err
	}
	nodes, err := sqlstore.Nodes(ctx, c.Database)
	if err != nil {
		return err
	}
	if len(nodes) == 0 {
		_, err = fmt.Fprintln(p.stdout, "no server uses this database with --cluster or --nats")
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVER\tADDRESS\tVERSION\tSTATE\tROOMS\tSTREAMS\tTAIL LAG\tBUS\tSEEN")
	for _, n := range nodes {
		bus := "cut"
		if n.Status.Bus {
			bus = "ok"
		}
		fmt.Fprintf(table, "%.8s\t%s\t%s\t%s\t%d\t%d\t%v\t%s\t%v ago\n", n.ID, orDash(n.Address), n.Version, n.State(),
			n.Status.Rooms, n.Status.Streams, time.Duration(n.Status.TailLagMs)*time.Millisecond, bus, n.Age.Round(100*time.Millisecond))
	}
	return table.Flush()
}

func orDash(text string) string {
	if strings.TrimSpace(text) == "" {
		return "–"
	}
	return text
}

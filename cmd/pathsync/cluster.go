package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore"
)

// clusterCommand prints the servers of a database.
type clusterCommand struct {
	databaseFlags `embed:""`
	outputFlags   `embed:""`
}

// Help is shown below the flags.
func (*clusterCommand) Help() string {
	return `Example:

  pathsync cluster --database 'postgres://user:password@host/mydb'`
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
	if c.JSON {
		return p.stdout.writeJSON(serversOf(nodes))
	}
	if len(nodes) == 0 {
		return p.stdout.printf("no server uses this database with --cluster or --nats\n")
	}
	rows := [][]string{{"SERVER", "ADDRESS", "VERSION", "STATE", "ROOMS", "STREAMS", "TAIL LAG", "BUS", "SEEN"}}
	for _, s := range serversOf(nodes) {
		bus := "cut"
		if s.Bus {
			bus = "ok"
		}
		rows = append(rows, []string{
			fmt.Sprintf("%.8s", s.ID), orDash(s.Address), s.Version, s.State, strconv.Itoa(s.Rooms), strconv.Itoa(s.Streams),
			(time.Duration(s.TailLagMs) * time.Millisecond).String(), bus, (time.Duration(s.AgeMs) * time.Millisecond).Round(100*time.Millisecond).String() + " ago",
		})
	}
	return p.stdout.table(rows)
}

// clusterServer is a server as JSON.
type clusterServer struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Version string `json:"version"`
	State   string `json:"state"`
	AgeMs   int64  `json:"ageMs"` // since the last heartbeat
	core.NodeStatus
}

func serversOf(nodes []core.Node) []clusterServer {
	servers := make([]clusterServer, len(nodes))
	for i, n := range nodes {
		servers[i] = clusterServer{n.ID, n.Address, n.Version, n.State(), n.Age.Milliseconds(), n.Status}
	}
	return servers
}

func orDash(text string) string {
	if strings.TrimSpace(text) == "" {
		return "–"
	}
	return text
}

// Package load puts a server under load, and reports what was lost, how fast it was, and what the server has used.
//
// A load reads and writes over connections of its own, with little CPU time, so that it is not the bottleneck. Loads write to rooms
// whose names begin with Prefix and have a random part. The rooms remain: the API cannot remove them.
package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// Prefix begins the names of the rooms of all loads.
const Prefix = "bench-"

// Load is one kind of load.
type Load struct {
	Name  string
	Flags []string // of a server that is started for this load
	// Anywhere: the load is of use without access to the process of the server.
	Anywhere bool
	Others   int // further servers that are started, on the same database, which is PostgreSQL

	description string // a format for the size, unless size is 0
	size        int    // in proportion to Options.Scale
	run         func(ctx context.Context, s *Target, o Options) (Report, error)
}

// Options apply to all loads.
type Options struct {
	Duration time.Duration
	Scale    float64 // of the number of clients, items or rooms
	size     int     // of the load that runs
}

// Loads are the loads, in the order of the table in README.md.
var Loads = []Load{
	{Name: "durable", description: "32 writers in 8 rooms, without pauses", run: durable, Anywhere: true},
	{Name: "rooms", description: "%d clients in rooms of 5, each posting every 2 s", size: 300, run: rooms, Anywhere: true},
	{Name: "fanout", description: "one room, %d readers, 50 batches/s", size: 1000, run: fanout, Anywhere: true},
	{Name: "writers", description: "one room, %d readers, 250 batches/s from 100 writers", size: 200, run: writers, Anywhere: true},
	{Name: "flatout", description: "one room, %d readers, 32 writers without pauses", size: 1000, run: flatout, Anywhere: true},
	{Name: "join", description: "%d clients join one room", size: 10_000, run: join, Anywhere: true},
	{Name: "reconnect", description: "%d readers with clientId reconnect, 500 batches behind", size: 5000, run: reconnect, Anywhere: true},
	{Name: "restart", description: "%d readers with clientId reconnect to a restarted server, 500 batches behind", size: 5000, run: reconnectAfterRestart},
	{Name: "document", description: "one-op batches on an array of %d items, and on one of 10", size: 100_000, run: largeDocument,
		Flags: []string{"--max-body-bytes", "16777216"}},
	{Name: "manyrooms", description: "%d rooms, written once and closed after 2 s", size: 20_000, run: manyRooms,
		Flags: []string{"--room-idle-ms", "2000"}},
	{Name: "idle", description: "%d idle streams in 100 rooms, with clientId and without", size: 10_000, run: idle},
}

// Clusters are loads of several servers on PostgreSQL, and the same loads of one.
var Clusters = []Load{
	{Name: "hot", description: "one room, 10 readers, 100 writers without pauses", run: hot},
	{Name: "hot3", description: "the same on three servers", run: hot, Flags: bus, Others: 2},
	{Name: "spread", description: "one room, %d readers, 50 batches/s", size: 999, run: fanout},
	{Name: "spread3", description: "the same on three servers", run: spread3, Flags: bus, Others: 2},
	{Name: "elsewhere", description: "60 batches/s to one of three servers, in 30 rooms with a reader at each", run: elsewhere, Flags: bus, Others: 2},
	{Name: "nobus", description: "the same without a bus", run: elsewhere, Others: 2},
	{Name: "kill", description: "300 clients in 60 rooms, each posting every 200 ms; one of three servers is killed", run: kill, Flags: bus, Others: 2},
}

var bus = []string{"--cluster"}

// spread3 is fanout with the readers of spread.
func spread3(ctx context.Context, s *Target, o Options) (Report, error) {
	o.size = 999
	return fanout(ctx, s, o)
}

// Describe returns the description with the size.
func (l Load) Describe(o Options) string {
	if l.size == 0 {
		return l.description
	}
	return fmt.Sprintf(l.description, l.sizeFor(o))
}

func (l Load) sizeFor(o Options) int { return max(1, int(float64(l.size)*o.Scale)) }

// Run puts a server under a load until it is done or ctx ends. Only one load may use a Target at a time.
func (l Load) Run(ctx context.Context, s *Target, o Options) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connections
	run := strings.ToLower(rand.Text()[:8])
	for i := range 1 + len(s.Others) {
		one := s.at(i)
		one.ctx, one.run = ctx, run
		if err := one.resolve(); err != nil {
			return Report{}, err
		}
	}
	for _, counter := range []interface{ Store(int64) }{&s.Posted, &s.Delivered, &s.Streams} {
		counter.Store(0)
	}
	o.size = l.sizeFor(o)
	r, err := l.run(ctx, s, o)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	return r, err
}

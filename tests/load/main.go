// Load measures a pathsync server under the loads of the figures in docs/about/performance.md.
//
//	go run ./tests/load [scenario…|all|cluster]
//
// It builds the server, starts it with a SQLite database in a temporary directory, and prints a table in Markdown. -database names
// another database, which must be empty; it is not pinned, and its CPU time is not measured. The loads of `cluster` need one of
// PostgreSQL. Servers are pinned to processor 0 and Load to processor 1; without `taskset`, both use all processors, and Load says
// so. All connections are on the loopback interface. The exit code is 1 if a batch was lost, duplicated or out of order.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// scenario is one load. Its description is a format for the size, in proportion to options.scale, unless size is 0.
type scenario struct {
	name, description string
	size              int
	run               func(ctx context.Context, s *server, o options) (report, error)
	flags             []string // of the server
	others            int      // further servers, on the same database, which is PostgreSQL
}

// options apply to all scenarios.
type options struct {
	duration time.Duration
	scale    float64 // of the sizes of scenarios
	size     int     // of the scenario that runs
	address  string  // of a running server; "": one is started
	database string  // of a started server; "": SQLite in a temporary directory
}

var scenarios = []scenario{
	{name: "durable", description: "32 writers in 8 rooms, without pauses", run: durable},
	{name: "rooms", description: "300 clients in 60 rooms, each posting every 2 s", run: rooms},
	{name: "fanout", description: "one room, 1,000 readers, 50 batches/s", run: fanout},
	{name: "writers", description: "one room, 200 readers, 250 batches/s from 100 writers", run: writers},
	{name: "flatout", description: "one room, 1,000 readers, 32 writers without pauses", run: flatout},
	{name: "join", description: "%d clients join one room", size: 10_000, run: join},
	{name: "reconnect", description: "%d readers with clientId reconnect, 500 batches behind", size: 5000, run: reconnect},
	{name: "restart", description: "%d readers with clientId reconnect to a restarted server, 500 batches behind", size: 5000, run: reconnectAfterRestart},
	{name: "document", description: "one-op batches on an array of %d items, and on one of 10", size: 100_000, run: largeDocument,
		flags: []string{"--max-body-bytes", "16777216"}},
	{name: "manyrooms", description: "%d rooms, written once and closed after 2 s", size: 20_000, run: manyRooms,
		flags: []string{"--room-idle-ms", "2000"}},
	{name: "idle", description: "%d idle streams in 100 rooms, with clientId and without", size: 10_000, run: idle},
}

// clusters are loads of several servers on PostgreSQL, and the same loads of one.
var clusters = []scenario{
	{name: "hot", description: "one room, 10 readers, 100 writers without pauses", run: hot},
	{name: "hot3", description: "the same on three servers", run: hot, flags: bus, others: 2},
	{name: "spread", description: "one room, 999 readers, 50 batches/s", run: fanout},
	{name: "spread3", description: "the same on three servers", run: fanout, flags: bus, others: 2},
	{name: "elsewhere", description: "60 batches/s to one of three servers, in 30 rooms with a reader at each", run: elsewhere, flags: bus, others: 2},
	{name: "nobus", description: "the same without a bus", run: elsewhere, others: 2},
	{name: "kill", description: "300 clients in 60 rooms, each posting every 200 ms; one of three servers is killed", run: kill, flags: bus, others: 2},
}

var bus = []string{"--cluster"}

func main() {
	duration := flag.Duration("duration", 10*time.Second, "duration of each load")
	scale := flag.Float64("scale", 1, "multiply the number of clients, items or rooms of the loads that name one, such as join")
	address := flag.String("server", "", "load this server (host:port) instead of starting one; its CPU time and memory are not measured")
	database := flag.String("database", "", "empty database of the started server, as in pathsync --database; default is SQLite in a temporary directory")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: load [flags] [scenario…|all|cluster]")
		for _, s := range slices.Concat(scenarios, clusters) {
			fmt.Fprintf(os.Stderr, "  %-9s %s\n", s.name, s.sized(options{scale: 1}))
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	if *address == "" {
		pinSelf()
	}
	names := flag.Args()
	switch {
	case len(names) == 0, slices.Contains(names, "all"):
		names = namesOf(scenarios)
	case slices.Contains(names, "cluster"):
		names = namesOf(clusters)
	}
	if !measureAll(names, options{duration: *duration, scale: *scale, address: *address, database: *database}) {
		os.Exit(1)
	}
}

func namesOf(scenarios []scenario) (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

func measureAll(names []string, o options) bool {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok := true
	fmt.Println(tableHead)
	for _, s := range slices.Concat(scenarios, clusters) {
		if slices.Contains(names, s.name) {
			row, err := measure(ctx, s, o)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
				ok = false
				continue
			}
			fmt.Println(row)
		}
	}
	return ok
}

// sized returns the description with the size.
func (s scenario) sized(o options) string {
	if s.size == 0 {
		return s.description
	}
	return fmt.Sprintf(s.description, o.sizeOf(s))
}

func (o options) sizeOf(s scenario) int { return max(1, int(float64(s.size)*o.scale)) }

// measure returns a row of the table. A load that loses, repeats or reorders something fails.
func measure(ctx context.Context, s scenario, o options) (string, error) {
	run = newRun()
	srv, err := startServer(ctx, o, s.flags...)
	if err != nil {
		return "", fmt.Errorf("starting the server: %w", err)
	}
	defer srv.stop()
	if err := srv.join(s.others); err != nil {
		return "", fmt.Errorf("starting the other servers: %w", err)
	}
	o.size = o.sizeOf(s)
	r, err := s.run(ctx, srv, o)
	if err != nil {
		return "", err
	}
	row := r.row(s.sized(o))
	if r.wrong != 0 {
		return "", fmt.Errorf("%d events or batches are wrong: %s", r.wrong, row)
	}
	return row, nil
}

// pinSelf restarts this program once on processor 1, if taskset is installed.
func pinSelf() {
	const restarted = "PATHSYNC_LOAD_PINNED"
	if os.Getenv(restarted) != "" {
		return
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		fmt.Fprintln(os.Stderr, "taskset is not installed: server and load share all processors")
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	cmd := exec.Command(taskset, append([]string{"-c", "1", self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), restarted+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		if !strings.Contains(err.Error(), "exit status") {
			fmt.Fprintln(os.Stderr, "starting the load with taskset:", err)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

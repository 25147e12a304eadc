// Load measures a pathsync server under the loads of the README's figures.
//
//	go run ./tests/load [durable|rooms|fanout|writers|flatout|idle|all]
//
// It builds the server, starts it with a database in a temporary directory, and prints a table. The server is pinned to
// processor 0 and Load to processor 1; without `taskset`, both use all processors, and Load says so. All connections are on the
// loopback interface. The exit code is 1 if a batch was lost, duplicated or out of order.
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

// scenario is one load.
type scenario struct {
	name, description string
	run               func(ctx context.Context, s *server, o options) (report, error)
}

// options apply to all scenarios.
type options struct {
	duration time.Duration
}

var scenarios = []scenario{
	{"durable", "32 writers in 8 rooms, without pauses", durable},
	{"rooms", "300 clients in 60 rooms, each posting every 2 s", rooms},
	{"fanout", "one room, 1,000 readers, 50 batches/s", fanout},
	{"writers", "one room, 200 readers, 250 batches/s from 100 writers", writers},
	{"flatout", "one room, 1,000 readers, 32 writers without pauses", flatout},
	{"idle", "10,000 idle streams in 100 rooms", idle},
}

func main() {
	duration := flag.Duration("duration", 10*time.Second, "duration of each load")
	address := flag.String("server", "", "load this server (host:port) instead of starting one; its CPU time and memory are not measured")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: load [flags] [scenario…|all]")
		for _, s := range scenarios {
			fmt.Fprintf(os.Stderr, "  %-8s %s\n", s.name, s.description)
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	if *address == "" {
		pinSelf()
	}
	names := flag.Args()
	if len(names) == 0 {
		names = []string{"all"}
	}
	if !measureAll(names, *address, options{*duration}) {
		os.Exit(1)
	}
}

func measureAll(names []string, address string, o options) bool {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok := true
	for _, s := range scenarios {
		if slices.Contains(names, s.name) || slices.Contains(names, "all") {
			ok = measure(ctx, s, address, o) && ok
		}
	}
	return ok
}

func measure(ctx context.Context, s scenario, address string, o options) bool {
	fmt.Printf("\n%s: %s\n", s.name, s.description)
	srv, err := startServer(ctx, address)
	if err != nil {
		fmt.Println("  starting the server:", err)
		return false
	}
	defer srv.stop()
	r, err := s.run(ctx, srv, o)
	if err != nil {
		fmt.Println("  failed:", err)
		return false
	}
	r.print()
	return r.wrong == 0
}

// pinSelf restarts this program once on processor 1, if taskset is installed.
func pinSelf() {
	const restarted = "PATHSYNC_LOAD_PINNED"
	if os.Getenv(restarted) != "" {
		return
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		fmt.Println("taskset is not installed: server and load share all processors")
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
			fmt.Println("starting the load with taskset:", err)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

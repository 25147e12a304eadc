// Load measures a real pathsync server under the loads that the README gives figures for.
//
//	go run ./tests/load [durable|rooms|fanout|writers|flatout|idle|all]
//
// It builds the server, starts it with a database in a temporary directory and pinned to processor 0, puts itself on
// processor 1, and prints a table. Where `taskset` is missing nothing is pinned, and it says so. Everything stays on
// the loopback interface and ends by itself. The exit code is 1 when a batch was lost, doubled or out of order.
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

// scenario is one load. It returns the lines of its report.
type scenario struct {
	name, what string
	run        func(ctx context.Context, s *server, o options) (report, error)
}

// options are what all scenarios share.
type options struct {
	duration time.Duration
}

var scenarios = []scenario{
	{"durable", "32 writers in 8 rooms, as fast as it goes", durable},
	{"rooms", "300 clients in 60 rooms, each posting every 2 s", rooms},
	{"fanout", "one room, 1,000 readers, 50 batches/s", fanout},
	{"writers", "one room, 200 readers, 250 batches/s from 100 writers", writers},
	{"flatout", "one room, 1,000 readers, as fast as it goes", flatout},
	{"idle", "10,000 idle streams in 100 rooms", idle},
}

func main() {
	duration := flag.Duration("duration", 10*time.Second, "how long each load lasts")
	address := flag.String("server", "", "load this server (host:port) instead of starting one; its CPU and memory stay unknown")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: load [flags] [scenario…|all]")
		for _, s := range scenarios {
			fmt.Fprintf(os.Stderr, "  %-8s %s\n", s.name, s.what)
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	if *address == "" {
		pinSelf()
	}
	wanted := flag.Args()
	if len(wanted) == 0 {
		wanted = []string{"all"}
	}
	if !measureAll(wanted, *address, options{*duration}) {
		os.Exit(1)
	}
}

func measureAll(wanted []string, address string, o options) bool {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok := true
	for _, s := range scenarios {
		if slices.Contains(wanted, s.name) || slices.Contains(wanted, "all") {
			ok = measure(ctx, s, address, o) && ok
		}
	}
	return ok
}

func measure(ctx context.Context, s scenario, address string, o options) bool {
	fmt.Printf("\n%s: %s\n", s.name, s.what)
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

// pinSelf starts this program again on processor 1, once, where taskset is there.
func pinSelf() {
	const mark = "PATHSYNC_LOAD_PINNED"
	if os.Getenv(mark) != "" {
		return
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		fmt.Println("taskset is not there: server and load share all processors")
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	cmd := exec.Command(taskset, append([]string{"-c", "1", self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		if !strings.Contains(err.Error(), "exit status") {
			fmt.Println("pinning failed:", err)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

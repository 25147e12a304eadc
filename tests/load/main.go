// Load measures a pathsync server under the loads of the figures in docs/about/performance.md.
//
//	go run ./tests/load [load…|all|cluster]
//
// It builds the server, starts it with a SQLite database in a temporary directory, and prints a table in Markdown. -database names
// another database, which must be empty; it is not pinned, and its CPU time is not measured. The loads of `cluster` need one of
// PostgreSQL. Servers are pinned to processor 0 and Load to processor 1; without `taskset`, both use all processors, and Load says
// so. All connections are on the loopback interface. The exit code is 1 if a batch was lost, duplicated or out of order.
// `pathsync bench` puts any server under some of these loads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/pathsync/pathsync/internal/load"
	"github.com/pathsync/pathsync/tests/program"
)

// options apply to all loads.
type options struct {
	load.Options
	address  string // of a running server; "": one is started
	binary   string // of a started server
	database string // of a started server; "": SQLite in a temporary directory
}

func main() {
	duration := flag.Duration("duration", 10*time.Second, "duration of each load")
	scale := flag.Float64("scale", 1, "multiply the number of clients, items or rooms")
	address := flag.String("server", "", "load this server (host:port) instead of starting one; its CPU time and memory are not measured")
	database := flag.String("database", "", "empty database of the started server, as in pathsync --database; default is SQLite in a temporary directory")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: load [flags] [load…|all|cluster]")
		for _, l := range slices.Concat(load.Loads, load.Clusters) {
			fmt.Fprintf(os.Stderr, "  %-9s %s\n", l.Name, l.Describe(load.Options{Scale: 1}))
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	if *address == "" {
		pinSelf()
	}
	if err := run(flag.Args(), options{load.Options{Duration: *duration, Scale: *scale}, *address, "", *database}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run measures the loads, with a server that it builds if there is no address.
func run(names []string, o options) error {
	if o.address == "" {
		dir, err := os.MkdirTemp("", "pathsync-load-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if o.binary, err = program.BuildAsReleased(dir); err != nil {
			return err
		}
	}
	switch {
	case len(names) == 0, slices.Contains(names, "all"):
		names = namesOf(load.Loads)
	case slices.Contains(names, "cluster"):
		names = namesOf(load.Clusters)
	}
	return measureAll(names, o)
}

func namesOf(loads []load.Load) (names []string) {
	for _, l := range loads {
		names = append(names, l.Name)
	}
	return names
}

func measureAll(names []string, o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var errs []error
	fmt.Println(load.TableHead)
	for _, l := range slices.Concat(load.Loads, load.Clusters) {
		if slices.Contains(names, l.Name) {
			row, err := measure(ctx, l, o)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", l.Name, err))
				continue
			}
			fmt.Println(row)
		}
	}
	return errors.Join(errs...)
}

// measure returns a row of the table. A load that loses, repeats or reorders something fails.
func measure(ctx context.Context, l load.Load, o options) (string, error) {
	srv, err := startServer(o, l.Flags...)
	if err != nil {
		return "", fmt.Errorf("starting the server: %w", err)
	}
	defer srv.stop()
	if err := srv.join(l.Others); err != nil {
		return "", fmt.Errorf("starting the other servers: %w", err)
	}
	r, err := l.Run(ctx, srv.target(o.database), o.Options)
	if err != nil {
		return "", err
	}
	row := r.Row(l.Describe(o.Options))
	if r.Wrong != 0 {
		return "", fmt.Errorf("%d events or batches are wrong: %s", r.Wrong, row)
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

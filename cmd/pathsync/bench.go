package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pathsync/pathsync/internal/load"
)

type benchCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	Loads    []string      `arg:"" optional:"" name:"load" help:"The loads (rooms and fanout)."`
	Duration time.Duration `default:"10s" placeholder:"DURATION" help:"Length of each load, up to 1h (${default})."`
	Scale    float64       `default:"1" placeholder:"FACTOR" help:"Multiply the number of clients (${default})."`
}

// defaultLoads stay below the default limits of a server, except for --user-streams.
var defaultLoads = []string{"rooms", "fanout"}

// Help is shown below the flags.
func (*benchCommand) Help() string {
	var loads strings.Builder
	for _, l := range remoteLoads() {
		fmt.Fprintf(&loads, "  %-9s %s\n", l.Name, l.Describe(load.Options{Scale: 1}))
	}
	return `Puts a server under loads, and prints how fast it answered and delivered, and whether a batch was lost, repeated or out of order. Do not run it against a server that people use. It writes to new rooms whose names begin with bench-. They remain, because the API cannot remove rooms; the documentation says how to remove them from the database.

Loads:

` + loads.String() + `
Times are p50 and p99 in milliseconds: POST from the request of a batch to its answer, and READERS to the last of its readers. The server's limits apply: start it with --client-batches 0 for durable and flatout, and with --user-streams 0 and --user-batches 0 if it requires tokens.

The exit code is 1 if a batch was lost, repeated or out of order. After Ctrl-C, the loads that are complete are printed.

Examples:

  pathsync bench
  pathsync bench fanout --scale .1 --server https://staging.example.com`
}

func remoteLoads() (all []load.Load) {
	for _, l := range load.Loads {
		if l.Anywhere {
			all = append(all, l)
		}
	}
	return all
}

// Validate is called by kong before Run.
func (c *benchCommand) Validate() error {
	if c.Duration < time.Second || c.Duration > time.Hour {
		return errors.New("--duration must be from 1s to 1h")
	}
	if !(c.Scale > 0 && c.Scale <= 100) {
		return errors.New("--scale must be more than 0, and at most 100")
	}
	for _, name := range c.Loads {
		if !slices.ContainsFunc(remoteLoads(), func(l load.Load) bool { return l.Name == name }) {
			return fmt.Errorf("there is no load %q; pathsync bench --help lists them", name)
		}
	}
	return c.serverFlags.Validate()
}

// measured is the result of one load.
type measured struct {
	Load        string             `json:"load"`
	Description string             `json:"description"`
	Wrong       int64              `json:"wrong"` // batches and events that were lost, repeated or out of order
	Values      map[string]float64 `json:"values"`
}

// Run runs the loads one after the other.
func (c *benchCommand) Run(ctx context.Context, p *program) error {
	names := c.Loads
	if len(names) == 0 {
		names = defaultLoads
	}
	var (
		results = []measured{}
		target  = &load.Target{URL: c.Server, Token: c.Token}
		wrote   bool
		failure error
	)
	for _, l := range remoteLoads() {
		if !slices.Contains(names, l.Name) {
			continue
		}
		result, err := c.measure(ctx, p, target, l)
		wrote = wrote || target.Posted.Load() > 0
		if err != nil {
			failure = fmt.Errorf("load %s: %w", l.Name, explainLoad(err))
			break
		}
		if results = append(results, result); result.Wrong > 0 && failure == nil {
			failure = fmt.Errorf("load %s: %d batches or events were lost, repeated or out of order", l.Name, result.Wrong)
		}
	}
	if len(results) > 0 || c.JSON {
		if err := c.print(p, results); err != nil {
			return err
		}
	}
	if wrote {
		_ = p.stderr.printf("Rooms whose names begin with %s remain; %s says how to remove them.\n", // the failure matters more
			load.Prefix, guideURL(c.Server, "docs/run/databases.md#removing-rooms"))
	}
	return failure
}

func (c *benchCommand) measure(ctx context.Context, p *program, target *load.Target, l load.Load) (measured, error) {
	options := load.Options{Duration: c.Duration, Scale: c.Scale}
	defer p.progress().watch(func(elapsed time.Duration) string {
		return fmt.Sprintf("%s: %.0f s, %d streams, %d batches posted, %d delivered", l.Name, elapsed.Seconds(),
			target.Streams.Load(), target.Posted.Load(), target.Delivered.Load())
	})()
	report, err := l.Run(ctx, target, options)
	return measured{l.Name, l.Describe(options), report.Wrong, report.Values}, err
}

// explainLoad adds what helps against a limit of the server.
func explainLoad(err error) error {
	if refused := (*load.RefusedError)(nil); errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests {
		return fmt.Errorf("%w; lower --scale, or start the server with 0 for --client-batches, --address-batches, --user-batches, --address-streams and --user-streams", err)
	}
	return err
}

func (c *benchCommand) print(p *program, results []measured) error {
	if c.JSON {
		return p.stdout.writeJSON(results)
	}
	if err := p.stdout.table(benchTable(results)); err != nil {
		return err
	}
	for _, r := range results {
		if err := p.stdout.printf("\n%s  %s", bold.of("%-9s", r.Load), r.Description); err != nil {
			return err
		}
	}
	return p.stdout.printf("\n")
}

// benchTable returns the results in columns. A load has only some of the values.
func benchTable(results []measured) [][]string {
	rows := make([][]string, 1, 1+len(results))
	rows[0] = []string{"LOAD", "BATCHES/S", "DELIVERIES/S", "POST p50", "p99", "READERS p50", "p99", "UP TO DATE", "WRONG"}
	for _, r := range results {
		cell := func(format string, names ...string) string {
			for _, name := range names {
				if v, ok := r.Values[name]; ok && !math.IsNaN(v) {
					return fmt.Sprintf(format, v)
				}
			}
			return "–"
		}
		rows = append(rows, []string{
			r.Load, cell("%.0f", "batches/s", "durable batches/s"), cell("%.0f", "deliveries/s"),
			cell("%.1f", "POST to answer p50"), cell("%.1f", "POST to answer p99"),
			cell("%.1f", "POST to last reader p50"), cell("%.1f", "POST to last reader p99"),
			cell("%.2f s", "seconds until all are up to date"), fmt.Sprint(r.Wrong),
		})
	}
	return rows
}

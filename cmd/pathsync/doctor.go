package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pathsync/pathsync/doctor"
)

type doctorCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	URL      string        `arg:"" optional:"" placeholder:"URL" help:"The URL that clients use, instead of --server."`
	Duration time.Duration `default:"10s" placeholder:"DURATION" help:"Length of the stream to read, up to 5m (${default}). Many proxies cut streams after 30, 60, 100 or 230 s."`
}

// Help is shown below the flags.
func (*doctorCommand) Help() string {
	return `Sends probes to the server as clients do, and reports what proxies on the way do to them: delay events, compress or cut streams, remove header fields, rewrite URLs, limit bodies. No token is needed. The exit code is 0 without a fault, 1 with one, and 2 when the server does not answer.

Examples:

  pathsync doctor https://sync.example.com
  pathsync doctor https://sync.example.com --duration 4m
  pathsync doctor https://sync.example.com --json | jq .findings`
}

// maxDuration is the longest stream that a server sends to a probe.
const maxDuration = 5 * time.Minute

// Validate is called by kong before Run.
func (c *doctorCommand) Validate() error {
	if c.URL != "" {
		c.Server = c.URL
	}
	if err := c.serverFlags.Validate(); err != nil {
		return err
	}
	if c.Duration < time.Second || c.Duration > maxDuration {
		return fmt.Errorf("--duration must be from 1s to %v", maxDuration)
	}
	return nil
}

// diagnosis is what the command prints.
type diagnosis struct {
	Server   string           `json:"server"`
	Findings []doctor.Finding `json:"findings"`
	Through  []doctor.Product `json:"through"`
	stream   doctor.Stream
}

// Run probes the server and prints the findings.
func (c *doctorCommand) Run(ctx context.Context, p *program) error {
	prober, err := doctor.NewProber(c.Server, c.Token, nil)
	if err != nil {
		return err
	}
	stop := p.progress().watch(func(elapsed time.Duration) string {
		return fmt.Sprintf("probing %s: %.0f s of about %.0f s", c.Server, elapsed.Seconds(), c.Duration.Seconds())
	})
	d, err := diagnose(ctx, c.Server, prober, c.Duration)
	stop()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	write := d.print
	if c.JSON {
		write = d.printJSON
	}
	if err := write(p); err != nil {
		return err
	}
	return d.verdict()
}

func diagnose(ctx context.Context, server string, p *doctor.Prober, length time.Duration) (diagnosis, error) {
	o, err := p.Probe(ctx, length)
	d := diagnosis{Server: server, Findings: doctor.Diagnose(o), Through: doctor.Products(o), stream: o.Stream}
	for i, f := range d.Findings {
		d.Findings[i].Recipe = guideURL(server, f.Recipe)
	}
	for i, product := range d.Through {
		d.Through[i].Recipe = guideURL(server, product.Recipe)
	}
	return d, err
}

// guideURL returns the URL at which a server shows a page of its documentation, such as docs/PAGE.md#anchor; "" for none.
func guideURL(server, page string) string {
	if page == "" {
		return ""
	}
	name, anchor, _ := strings.Cut(strings.TrimPrefix(page, "docs/"), "#")
	return strings.TrimRight(server, "/") + "/guide/" + strings.TrimSuffix(name, ".md") + "#" + anchor
}

// verdict returns an error when there is a fault.
func (d diagnosis) verdict() error {
	faults := 0
	for _, f := range d.Findings {
		if f.Fault {
			faults++
		}
	}
	switch faults {
	case 0:
		return nil
	case 1:
		return errors.New("a fault was found")
	default:
		return fmt.Errorf("%d faults were found", faults)
	}
}

func (d diagnosis) printJSON(p *program) error { return p.stdout.writeJSON(d) }

// print prints the findings as text.
func (d diagnosis) print(p *program) error {
	look := green
	if d.verdict() != nil {
		look = red
	}
	if err := p.stdout.printf("%s: %s\n", d.Server, look.of("%s", d.summary())); err != nil {
		return err
	}
	for _, f := range d.Findings {
		kind := yellow.of("note ")
		if f.Fault {
			kind = red.of("FAULT")
		}
		if err := p.stdout.printf("\n%s  %s\n       %s\n", kind, bold.of("%s", f.Code), f.Text); err != nil {
			return err
		}
		if f.Recipe != "" {
			if err := p.stdout.printf("       See %s\n", f.Recipe); err != nil {
				return err
			}
		}
	}
	for _, product := range d.Through {
		if err := p.stdout.printf("\nThe answers come through %s: see %s\n", product.Name, product.Recipe); err != nil {
			return err
		}
	}
	return nil
}

func (d diagnosis) summary() string {
	if d.verdict() != nil {
		return "there are faults on the way."
	}
	return fmt.Sprintf("all is well: %d events in %.0f s over %s.", len(d.stream.Events), d.stream.Ended.Seconds(), d.stream.Proto)
}

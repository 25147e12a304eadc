package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pathsync/pathsync/doctor"
)

type doctorCommand struct {
	serverFlags `embed:""`

	URL      string        `arg:"" optional:"" placeholder:"URL" help:"The URL that clients use, instead of --server."`
	Duration time.Duration `default:"10s" help:"Length of the stream to read, up to 5m (${default}). Many proxies cut streams after 30, 60, 100 or 230 s."`
	JSON     bool          `name:"json" help:"Print the findings as JSON."`
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
	d, err := diagnose(ctx, c.Server, prober, c.Duration)
	if err != nil {
		return err
	}
	write := d.print
	if c.JSON {
		write = d.printJSON
	}
	if err := write(p); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return d.verdict()
}

func diagnose(ctx context.Context, server string, p *doctor.Prober, length time.Duration) (diagnosis, error) {
	o, err := p.Probe(ctx, length)
	return diagnosis{Server: server, Findings: doctor.Diagnose(o), Through: doctor.Products(o), stream: o.Stream}, err
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

func (d diagnosis) printJSON(p *program) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d)
}

// print prints the findings as text.
func (d diagnosis) print(p *program) error {
	text := fmt.Sprintf("%s: %s\n", d.Server, d.summary())
	for _, f := range d.Findings {
		kind := "note "
		if f.Fault {
			kind = "FAULT"
		}
		text += fmt.Sprintf("\n%s  %s\n       %s\n", kind, f.Code, f.Text)
		if f.Recipe != "" {
			text += fmt.Sprintf("       See %s\n", f.Recipe)
		}
	}
	for _, product := range d.Through {
		text += fmt.Sprintf("\nThe answers come through %s: see %s\n", product.Name, product.Recipe)
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}

func (d diagnosis) summary() string {
	if d.verdict() != nil {
		return "there are faults on the way."
	}
	return fmt.Sprintf("all is well: %d events in %.0f s over %s.", len(d.stream.Events), d.stream.Ended.Seconds(), d.stream.Proto)
}

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
	serverFlag `embed:""`

	URL      string        `arg:"" optional:"" placeholder:"URL" help:"The address that clients use, instead of --server."`
	Duration time.Duration `default:"10s" help:"How long to watch a stream, up to 5m (${default}). Many proxies cut after 30, 60, 100 or 230 s."`
	JSON     bool          `name:"json" help:"Print the findings as JSON."`
}

// Help is shown below the flags.
func (*doctorCommand) Help() string {
	return `Sends probes to the server the way that clients do, and says in words what proxies on the way do to them: hold events back, compress or cut streams, strip header fields, rewrite addresses, limit bodies. No token is needed. Ends with 0 when all is well, with 1 when there is a fault, and with 2 when nobody answers.

Examples:

  pathsync doctor https://sync.example.com
  pathsync doctor https://sync.example.com --duration 4m
  pathsync doctor https://sync.example.com --json | jq .findings`
}

// maxWatch is the longest stream that a server gives for a probe.
const maxWatch = 5 * time.Minute

// Validate is called by the command line before the command runs.
func (c *doctorCommand) Validate() error {
	if c.URL != "" {
		c.Server = c.URL
	}
	if err := c.serverFlag.Validate(); err != nil {
		return err
	}
	if c.Duration < time.Second || c.Duration > maxWatch {
		return fmt.Errorf("--duration must be from 1s to %v", maxWatch)
	}
	return nil
}

// diagnosis is what the command prints.
type diagnosis struct {
	Server   string           `json:"server"`
	Findings []doctor.Finding `json:"findings"`
	Through  []doctor.Product `json:"through"`
	about    doctor.Stream
}

// Run examines the way to the server and prints what was found.
func (c *doctorCommand) Run(ctx context.Context, p *program) error {
	d, err := diagnose(ctx, newExaminer(c.serverFlag), c.Duration)
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

func diagnose(ctx context.Context, e *examiner, watch time.Duration) (diagnosis, error) {
	o, err := e.examine(ctx, watch)
	return diagnosis{Server: e.server, Findings: doctor.Diagnose(o), Through: doctor.Products(o), about: o.Stream}, err
}

// verdict is an error when there is a fault.
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

// print prints the findings for people.
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
	switch {
	case d.verdict() != nil:
		return "not all is well on the way."
	default:
		return fmt.Sprintf("all is well: %d events in %.0f s over %s.", len(d.about.Events), d.about.Ended.Seconds(), d.about.Proto)
	}
}

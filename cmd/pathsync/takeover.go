package main

import (
	"context"
	"fmt"

	"github.com/pathsync/pathsync/sqlstore"
)

type takeoverCommand struct {
	databaseFlags `embed:""`

	DryRun bool `name:"dry-run" xor:"what" help:"Print what would be done, and change nothing."`
	Undo   bool `name:"undo" xor:"what" help:"Restore the predecessor's tables, with later changes, and drop pathsync's. Make a backup first."`
	Force  bool `name:"force" help:"With --undo: undo even if that loses documents."`
}

// Help is shown below the flags.
func (*takeoverCommand) Help() string {
	return `Take over the tables of nuxt-synced-pinia-store. The server does so at the start, too. An interrupted takeover continues at the next attempt.

  export PATHSYNC_DATABASE='sqlserver://user:password@host?database=mydb'
  pathsync takeover --dry-run
  pathsync takeover
  pathsync takeover --undo`
}

// Run takes over, prints the plan, or undoes the takeover.
func (c *takeoverCommand) Run(ctx context.Context, p *program) error {
	log := c.log(p)
	if c.Undo {
		report, err := sqlstore.UndoTakeover(ctx, c.Database, c.Force, log)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "documents updated: %d\ndocuments added: %d\ndocuments lost: %d\n", report.Updated, report.Added, report.Lost)
		return err
	}
	do := sqlstore.TakeOver
	if c.DryRun {
		do = sqlstore.PlanTakeover
	}
	report, err := do(ctx, c.Database, log)
	if err != nil {
		return err
	}
	if report == (sqlstore.TakeoverReport{}) {
		_, err = fmt.Fprintln(p.stdout, "there is nothing to take over")
		return err
	}
	_, err = fmt.Fprintf(p.stdout, `documents:               %d
log rows:                %d
documents repaired:      %d
names changed:           %d
documents not readable:  %d
rooms differing by case: %d
`, report.Documents, report.LogRows, report.Repaired, report.Renamed, report.Skipped, report.CaseRooms)
	return err
}

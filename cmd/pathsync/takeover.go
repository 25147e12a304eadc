package main

import (
	"context"

	"github.com/pathsync/pathsync/sqlstore"
)

type takeoverCommand struct {
	databaseFlags `embed:""`
	outputFlags   `embed:""`

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
		if c.JSON {
			return p.stdout.writeJSON(map[string]int64{"updated": report.Updated, "added": report.Added, "lost": report.Lost})
		}
		return p.stdout.printf("documents updated: %d\ndocuments added: %d\ndocuments lost: %d\n", report.Updated, report.Added, report.Lost)
	}
	do := sqlstore.TakeOver
	if c.DryRun {
		do = sqlstore.PlanTakeover
	}
	report, err := do(ctx, c.Database, log)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.stdout.writeJSON(map[string]int64{
			"documents": report.Documents, "logRows": report.LogRows, "repaired": report.Repaired, "renamed": report.Renamed,
			"skipped": report.Skipped, "caseRooms": report.CaseRooms,
		})
	}
	if report == (sqlstore.TakeoverReport{}) {
		return p.stdout.printf("there is nothing to take over\n")
	}
	return p.stdout.printf(`documents:               %d
log rows:                %d
documents repaired:      %d
names changed:           %d
documents not readable:  %d
rooms differing by case: %d
`, report.Documents, report.LogRows, report.Repaired, report.Renamed, report.Skipped, report.CaseRooms)
}

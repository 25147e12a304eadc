package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pathsync/pathsync/sqlstore"
)

// databaseFlags is what the commands have in common that change tables.
type databaseFlags struct {
	Database string `name:"database" env:"PATHSYNC_DATABASE" default:"sqlite:pathsync.db" placeholder:"URL" help:"sqlite:FILE, sqlserver://… or postgres://… (${default})."`
}

// log is for what happens meanwhile.
func (databaseFlags) log(p *program) sqlstore.Option {
	return sqlstore.WithLog(slog.New(slog.NewTextHandler(p.stderr, nil)))
}

type migrateCommand struct {
	databaseFlags `embed:""`

	Print bool `name:"print" help:"Print the SQL instead, for an administrator to run with sqlcmd, psql or sqlite3. Nothing is changed."`
	From  int  `name:"from" default:"-1" placeholder:"VERSION" help:"With --print: the version that the tables have, 0 for none. Then the database is not asked for it."`
}

// Help is shown below the flags.
func (*migrateCommand) Help() string {
	return `The server migrates its tables itself when it starts, if its login may. Where it may not, somebody else does, with one of these:

  PATHSYNC_DATABASE='sqlserver://admin:password@host?database=mydb' pathsync migrate
  pathsync migrate --print > tables.sql
  pathsync migrate --print --from 0 --database 'sqlserver://host?database=mydb&schema=dbo'`
}

// Run migrates, or prints how to.
func (c *migrateCommand) Run(ctx context.Context, p *program) error {
	log := c.log(p)
	if c.Print {
		script, err := sqlstore.MigrationScript(ctx, c.Database, c.From, log)
		if err != nil {
			return err
		}
		if script == "" {
			script = "-- The tables have the newest version already.\n"
		}
		_, err = fmt.Fprint(p.stdout, script)
		return err
	}
	version, err := sqlstore.Migrate(ctx, c.Database, log)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "the tables have version %d\n", version)
	return err
}

type takeoverCommand struct {
	databaseFlags `embed:""`

	DryRun bool `name:"dry-run" xor:"what" help:"Print what would be done. Nothing is changed."`
	Undo   bool `name:"undo" xor:"what" help:"Give the predecessor its tables back, with what was written since, and drop pathsync's. Make a backup first."`
	Force  bool `name:"force" help:"With --undo: also when documents are lost by it."`
}

// Help is shown below the flags.
func (*takeoverCommand) Help() string {
	return `Take over the tables of nuxt-synced-pinia-store. The server does so itself when it starts on them. An interrupted takeover goes on at the next attempt.

  export PATHSYNC_DATABASE='sqlserver://user:password@host?database=mydb'
  pathsync takeover --dry-run
  pathsync takeover
  pathsync takeover --undo`
}

// Run takes over, says what that would do, or undoes it.
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

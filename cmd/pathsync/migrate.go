package main

import (
	"context"

	"github.com/pathsync/pathsync/sqlstore"
)

type migrateCommand struct {
	databaseFlags `embed:""`
	outputFlags   `embed:""`

	Print bool `name:"print" help:"Print the SQL instead, for an administrator to run with sqlcmd, psql or sqlite3."`
	From  int  `name:"from" default:"-1" placeholder:"VERSION" help:"With --print: the current version of the tables, 0 for none. The command then does not connect to the database."`
}

// Help is shown below the flags.
func (*migrateCommand) Help() string {
	return `The server migrates its tables at the start, if its login has the permission. Otherwise an administrator migrates them, in one of these ways:

  export PATHSYNC_DATABASE='sqlserver://admin:password@host?database=mydb'
  pathsync migrate
  pathsync migrate --print > tables.sql
  pathsync migrate --print --from 0 > new-tables.sql   # without connecting`
}

// Run migrates the tables or prints the SQL.
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
		if c.JSON {
			return p.stdout.writeJSON(map[string]string{"sql": script})
		}
		return p.stdout.printf("%s", script)
	}
	version, err := sqlstore.Migrate(ctx, c.Database, log)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.stdout.writeJSON(map[string]int{"version": version})
	}
	return p.stdout.printf("the tables have version %d\n", version)
}

package main

import (
	"context"
	"errors"
	"strings"

	"github.com/pathsync/pathsync/sqlstore"
)

// epochCommand prints or renews the epoch of a database: the name of its history, with which every event id begins.
type epochCommand struct {
	Show   epochShowCommand   `cmd:"" default:"withargs" help:"Print the epoch (the default)."`
	Rotate epochRotateCommand `cmd:"" help:"Give the database a new epoch, so that every reader starts again from the full state. Do so after restoring a backup."`
}

// checkEpoch refuses a database whose epoch ends with the process.
func (f databaseFlags) checkEpoch() error {
	if strings.HasPrefix(f.Database, "memory:") {
		return usageError{errors.New("--database memory: has a new epoch at each start")}
	}
	return nil
}

type epochShowCommand struct {
	databaseFlags `embed:""`
	outputFlags   `embed:""`
}

// Help is shown below the flags.
func (*epochShowCommand) Help() string {
	return `Example:

  pathsync epoch --database sqlite:/var/lib/pathsync/state.db`
}

// Run prints the epoch.
func (c *epochShowCommand) Run(ctx context.Context, p *program) error {
	if err := c.checkEpoch(); err != nil {
		return err
	}
	epoch, err := sqlstore.Epoch(ctx, c.Database)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.stdout.writeJSON(map[string]string{"epoch": epoch})
	}
	return p.stdout.printf("%s\n", epoch)
}

type epochRotateCommand struct {
	databaseFlags `embed:""`
	outputFlags   `embed:""`
}

// Help is shown below the flags.
func (*epochRotateCommand) Help() string {
	return `Example:

  pathsync epoch rotate --database sqlite:/var/lib/pathsync/state.db`
}

// Run renews the epoch and prints the old and the new one. Servers may be running.
func (c *epochRotateCommand) Run(ctx context.Context, p *program) error {
	if err := c.checkEpoch(); err != nil {
		return err
	}
	before, after, err := sqlstore.RotateEpoch(ctx, c.Database)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.stdout.writeJSON(map[string]string{"before": before, "epoch": after})
	}
	return p.stdout.printf("%s → %s\n", before, after)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pathsync/pathsync/sqlstore"
)

// epochCommand is about the epoch of a database: the name of its history, which begins every event id.
type epochCommand struct {
	Show   epochShowCommand   `cmd:"" default:"withargs" help:"Print the epoch (the default)."`
	Rotate epochRotateCommand `cmd:"" help:"Give the database a new epoch: every reader starts again with the whole state. Do so after a backup was restored."`
}

type databaseFlag struct {
	Database string `name:"database" env:"PATHSYNC_DATABASE" default:"sqlite:pathsync.db" placeholder:"URL" help:"sqlite:FILE, sqlserver://… or postgres://… (${default})."`
}

// check refuses what has no epoch that lasts.
func (f databaseFlag) check() error {
	if strings.HasPrefix(f.Database, "memory:") {
		return usageError{errors.New("--database memory: has a new epoch at each start")}
	}
	return nil
}

type epochShowCommand struct {
	databaseFlag `embed:""`
}

// Run prints the epoch.
func (c *epochShowCommand) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	epoch, err := sqlstore.Epoch(ctx, c.Database)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, epoch)
	return err
}

type epochRotateCommand struct {
	databaseFlag `embed:""`
}

// Run renews the epoch, also while servers run, and prints the new one.
func (c *epochRotateCommand) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	before, after, err := sqlstore.RotateEpoch(ctx, c.Database)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s → %s\n", before, after)
	return err
}

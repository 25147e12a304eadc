package main

import (
	"log/slog"

	"github.com/pathsync/pathsync/sqlstore"
)

// databaseFlags are the flags of the commands that open the database without a server.
type databaseFlags struct {
	Database string `name:"database" env:"PATHSYNC_DATABASE" default:"${database}" placeholder:"URL" help:"sqlite:FILE, sqlserver://… or postgres://… (${default})."`
}

// log directs the messages of sqlstore to stderr.
func (databaseFlags) log(p *program) sqlstore.Option {
	return sqlstore.WithLog(slog.New(slog.NewTextHandler(p.stderr, nil)))
}

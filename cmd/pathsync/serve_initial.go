package main

import (
	"fmt"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/initialstate"
)

// initialState returns who knows what rooms begin with, and nil when they begin with nothing.
func (c *serveCommand) initialState() (core.InitialStateLoader, error) {
	if c.InitialStateURL == "" {
		return nil, nil //nolint:nilnil // nobody is asked
	}
	loader, err := initialstate.New(initialstate.Config{URL: c.InitialStateURL})
	if err != nil {
		return nil, usageError{fmt.Errorf("--initial-state-url: %w", err)}
	}
	return loader, nil
}

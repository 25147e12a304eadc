package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/load"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/tests/program"
)

// binary is the server under load, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(program.Main(m, func(dir string) (err error) {
		binary, err = program.BuildAsReleased(dir)
		return err
	}))
}

// With -server, loads run on a database that has batches of earlier runs.
func TestSecondRunOnSameServerLosesNoBatch(t *testing.T) {
	s, err := startServer(options{binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	for range 2 {
		if _, err := measure(t.Context(), load.Loads[0], options{load.Options{Duration: 200 * time.Millisecond, Scale: 1}, s.address, "", ""}); err != nil {
			t.Error(err)
		}
	}
}

// The test runs each load for a moment, to check that it works. Measurements need longer runs.
func TestLoadsLoseNoBatch(t *testing.T) {
	for _, l := range load.Loads {
		t.Run(l.Name, func(t *testing.T) {
			scale := .01
			if slices.Contains([]string{"rooms", "fanout", "writers", "flatout"}, l.Name) {
				scale = 1
			}
			row, err := measure(t.Context(), l, options{load.Options{Duration: time.Second, Scale: scale}, "", binary, ""})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(row)
		})
	}
}

func TestLoadsOfSeveralServersLoseNoBatch(t *testing.T) {
	database := dbtest.NewPostgres(t).DSN
	for _, l := range load.Clusters {
		if l.Others == 0 || l.Name == "spread3" || l.Name == "nobus" {
			continue // they differ from others in their parameters only
		}
		t.Run(l.Name, func(t *testing.T) {
			row, err := measure(t.Context(), l, options{load.Options{Duration: time.Second, Scale: 1}, "", binary, database})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(row)
		})
	}
}

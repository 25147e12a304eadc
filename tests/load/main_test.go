package main

import (
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// With -server, loads run on a database that has batches of earlier runs.
func TestSecondRunOnSameServerLosesNoBatch(t *testing.T) {
	s, err := startServer(t.Context(), options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	for range 2 {
		if _, err := measure(t.Context(), scenarios[0], options{duration: 200 * time.Millisecond, address: s.address}); err != nil {
			t.Error(err)
		}
	}
}

// The test runs each load for a moment, to check that it works. Measurements need longer runs.
func TestLoadsLoseNoBatch(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			row, err := measure(t.Context(), s, options{duration: time.Second, scale: .01})
			if err != nil {
				t.Fatalf("%s: %v", s.description, err)
			}
			t.Log(row)
		})
	}
}

func TestLoadsOfSeveralServersLoseNoBatch(t *testing.T) {
	database := dbtest.NewPostgres(t).DSN
	for _, s := range clusters {
		if s.others == 0 || s.name == "spread3" || s.name == "nobus" {
			continue // they differ from others in their parameters only
		}
		t.Run(s.name, func(t *testing.T) {
			row, err := measure(t.Context(), s, options{duration: time.Second, database: database})
			if err != nil {
				t.Fatalf("%s: %v", s.description, err)
			}
			t.Log(row)
		})
	}
}

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/load"
)

// With -server, loads run on a database that has batches of earlier runs.
func TestSecondRunOnSameServerLosesNoBatch(t *testing.T) {
	s, err := startServer(t.Context(), options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	for run := range 2 {
		for _, l := range load.Loads {
			if l.Name != "durable" {
				continue
			}
			if _, err := measure(t.Context(), l, options{load.Options{Duration: 200 * time.Millisecond, Scale: 1}, s.address, ""}); err != nil {
				t.Errorf("run %d: %v", run, err)
			}
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
			row, err := measure(t.Context(), l, options{load.Options{Duration: time.Second, Scale: scale}, "", ""})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(row)
		})
	}
}

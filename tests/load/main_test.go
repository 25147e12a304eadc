package main

import (
	"strings"
	"testing"
	"time"
)

// With -server, loads run on a database that has batches of earlier runs.
func TestSecondRunOnSameServerLosesNoBatch(t *testing.T) {
	s, err := startServer(t.Context(), options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	defer func(before string) { run = before }(run)
	for _, run = range []string{"first", "second"} {
		for _, load := range scenarios {
			if load.name != "durable" {
				continue
			}
			if _, err := measure(t.Context(), load, options{duration: 200 * time.Millisecond, address: s.address}); err != nil {
				t.Errorf("run %s: %v", run, err)
			}
		}
	}
	if !strings.Contains(name("room", 1), run) {
		t.Error("room names do not contain the run")
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

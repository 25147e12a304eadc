package main

import (
	"strings"
	"testing"
	"time"
)

// With -server the loads run on a database that has been loaded before.
func TestASecondRunOnTheSameServerLosesNothing(t *testing.T) {
	s, err := startServer(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	defer func(before string) { run = before }(run)
	for _, run = range []string{"first", "second"} {
		for _, load := range scenarios {
			if load.name == "durable" && !measure(t.Context(), load, s.address, options{duration: 200 * time.Millisecond}) {
				t.Errorf("run %s: see above", run)
			}
		}
	}
	if !strings.Contains(name("room", 1), run) {
		t.Error("names do not depend on the run")
	}
}

// TestTheLoadsLoseNothing runs them for as long as it takes to see that they still work. What they measure in that time is no
// figure.
func TestTheLoadsLoseNothing(t *testing.T) {
	for _, s := range scenarios {
		if s.name == "idle" {
			continue // ten thousand streams are for those who want to know
		}
		t.Run(s.name, func(t *testing.T) {
			if !measure(t.Context(), s, "", options{duration: time.Second}) {
				t.Errorf("%s: see above", s.what)
			}
		})
	}
}

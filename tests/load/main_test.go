package main

import (
	"testing"
	"time"
)

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

package storetest

import (
	"slices"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// Run tests a Store. Each subtest opens and closes its own.
func Run(t *testing.T, open func(t *testing.T) core.Store) {
	for _, group := range []struct {
		name  string
		tests []subtest
	}{
		{"Epoch", epochTests},
		{"Append", appendTests},
		{"Fence", fenceTests},
		{"Log", logTests},
		{"Clients", clientTests},
		{"Documents", documentTests},
		{"Prune", pruneTests},
		{"Rooms", roomTests},
		{"Tail", tailTests},
		{"Nodes", nodeTests},
		{"Text", textTests},
		{"Contexts", contextTests},
		{"Concurrency", concurrencyTests},
		{"Close", closeTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					store := open(t)
					t.Cleanup(func() { store.Close() })
					test.run(t, store)
				})
			}
		})
	}
}

// RunDurable tests a Store whose database is outside the process. newDatabase creates an empty database and returns a function
// that opens it. Each call of that function returns another Store, also while others are open.
func RunDurable(t *testing.T, newDatabase func(t *testing.T) (open func() (core.Store, error))) {
	for _, test := range slices.Concat(durabilityTests, fencesOfServers, tailsOfServers) {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, newDatabase(t))
		})
	}
}

type subtest struct {
	name string
	run  func(*testing.T, core.Store)
}

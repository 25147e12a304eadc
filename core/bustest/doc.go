// Package bustest has a core.Bus in memory with faults, for tests of what uses a bus, and Run, which tests every core.Bus.
//
//	network := bustest.NewNetwork(bustest.Options{Seed: 1})
//	a, b := network.Join("a"), network.Join("b")
//	network.SetFaults(bustest.Faults{Loss: 0.1, MaxDelay: 20 * time.Millisecond})
//	network.Cut("a", "b") // one direction
//
// A Network works in a testing/synctest bubble. With Options.Now and Options.After, a scheduler of the test decides when
// messages arrive: then a seed repeats a run exactly, if the test calls the network from one goroutine.
package bustest

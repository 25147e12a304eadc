// Package sim simulates several servers on one database: real core.Hubs over models of the database and of the bus, with
// clients that retry and readers that resume, in the virtual time of testing/synctest.
//
//	chaos ──► server: crash, pause, drain, join      client ──► server.submit ──► core.Hub ──► link ──► memstore
//	    ├──► network: loss, delay, cuts              reader ──► server.attach ──► feed          │
//	    └──► database: down, slow, restored                                                     └──► history (the oracle)
//
// history checks every batch at the moment of its commit, and everything that a server shows, saves or answers against what
// has been committed until then. Its documents are made by a plain applier (applier_test.go), which shares no code with core.
//
// All random choices come from one seed: each actor has dice of its own. The scheduler of Go has no seed, so a seed repeats
// the faults and the clients' behaviour, but not the order in which goroutines run. A violation comes back with its seed in
// most runs, or in one of some. TestSeedRepeatsFaultsAndBatches logs how far two runs agree.
//
// What is not simulated: clocks that jump, and the timers of a paused server, which run on while its calls hang.
package sim

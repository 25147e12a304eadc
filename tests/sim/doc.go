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
// All random choices come from one seed. A client, a reader and the faults have dice of their own. The dice of a message and of a call of
// the database depend on what it is and on when it happens, and not on what happened before: so the order of goroutines that run at the
// same moment changes nothing there. What would happen at the same moment because of a fault is spread over 10 µs. One goroutine runs
// at a time, without garbage collections. With that, a seed repeats each commit, answer and delivery, and its time. The
// rest is up to Go, see TestSeedRepeatsARun. With the race detector, runs differ on purpose.
//
// What is not simulated: the timers of a paused server, which run on while its calls hang.
package sim

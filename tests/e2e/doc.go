// Package e2e tests the real binary: crashes, restarts, shutdowns, stalled readers, and databases that cannot be opened.
//
// Each test starts its own servers on the loopback interface, with an SQLite file in a temporary directory. A reader applies
// its events to a replica, which checks each event against the protocol and compares the documents with the server's, byte
// for byte. TestCrashesNeitherLoseNorDuplicateBatches kills the server repeatedly under load; the variable PATHSYNC_CRASHES
// sets the number of kills.
//
// No test sleeps for a fixed time to wait for a condition: it waits for the condition itself, and fails after a limit.
package e2e

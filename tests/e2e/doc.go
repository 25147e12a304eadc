// Package e2e runs the real binary and tells what its users go through: crashes, restarts, shutdowns, readers that
// stall, databases that cannot be opened.
//
// Each test starts servers of its own on the loopback interface, with an SQLite file in a directory of its own. What a
// reader is sent goes into a replica, which holds the wire to its promises event by event and the documents to the
// server's, byte for byte. TestCrashesLoseNothingAndDoubleNothing kills the server again and again under load; the
// variable PATHSYNC_CRASHES says how often.
//
// Nothing here sleeps in the hope that something has happened by then: a test waits for what it wants to see, and fails
// when that does not come.
package e2e

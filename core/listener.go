package core

import "github.com/pathsync/pathsync/core/presence"

// Listener receives the events of one room, in order, and passes them on to the room's readers. Its methods are called
// under the room's lock: they must not block and must not call the room.
type Listener interface {
	// Committed receives batches that are now part of the room's history.
	Committed(batches []*Batch)
	// PresenceChanged receives the clients that have joined, changed and left.
	PresenceChanged(change presence.Change)
	// Replaced says that a client has opened a newer stream at another server: the one at this server ends.
	Replaced(clientID string)
	// Bytes estimates the listener's memory.
	Bytes() int
	// Closed is the last call. err says why the room was stopped; nil means that the room was idle and has no readers.
	Closed(err error)
}

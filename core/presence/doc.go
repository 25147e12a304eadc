// Package presence keeps the list of clients that are present in one room. It is pure: it has no lock, clock or goroutine,
// and callers pass the time in. A room owns one Table and guards it with its own lock.
//
// A client is present while it has an open stream, or while it follows a leader with an open stream: the tabs of one
// browser share the stream of one of them. Any other client has a lease. Each update renews the lease, and the end of the
// stream starts it, so that a page reload does not make the client leave and join again.
//
// Readers of the room get the list once, page by page through a Cursor, and then a Change for each later difference.
package presence

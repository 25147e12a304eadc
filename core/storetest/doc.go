// Package storetest is the test suite for implementations of core.Store. It tests what the comments of core.Store promise.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) core.Store { return memstore.New() })
//	}
//
// A store with a database outside the process also runs RunDurable, which closes and reopens the database, opens it twice, and
// opens it concurrently.
//
// Rooms are named after their subtests, so the stores of one run may share a database. A database of an earlier run must be
// emptied first.
package storetest

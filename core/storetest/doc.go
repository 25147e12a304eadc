// Package storetest is the suite that every core.Store passes: the sentences of core.Store's comments, as tests.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) core.Store { return memstore.New() })
//	}
//
// A store that keeps a database runs RunDurable too, which closes and opens it again, opens it twice, and opens it from
// many sides at once.
//
// Rooms are named after their subtests, so the stores of one run may share a database. A database that was used by an
// earlier run must be emptied first.
package storetest

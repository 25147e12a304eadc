// Package dbtest gives tests real databases, and ways to take them away.
//
//	dsn := dbtest.Postgres(t)          // a fresh schema of a server that all tests of the process share
//	server := dbtest.NewPostgres(t)    // a server of this test's own, which may be stopped and started
//	relay := dbtest.NewRelay(t, addr)  // a way to a server that may be cut, reset, stalled and healed
//
// A server that is started here keeps its data in a temporary directory, listens on the loopback interface alone, and
// ends with the test process, however that ends. Tests that cannot have a database are skipped, and say why.
package dbtest

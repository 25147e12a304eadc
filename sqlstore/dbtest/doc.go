// Package dbtest provides real databases for tests, and simulates network failures.
//
//	dsn := dbtest.Postgres(t)          // a fresh schema of a server that all tests of the process share
//	server := dbtest.NewPostgres(t)    // a server for one test, which it can stop and start
//	relay := dbtest.NewRelay(t, addr)  // a proxy that can cut, reset, stall and delay connections
//
// A server started by this package has its data in a temporary directory, listens on the loopback interface only, and ends
// with the test process, even if that is killed. A test without a database is skipped with the reason.
package dbtest

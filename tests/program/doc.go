// Package program runs programs for tests: the server, built from these sources, and proxies.
//
// A program is a child of the test that starts it, in its own process group. It ends with the test, also if the test is
// killed or times out, and its output is logged if the test fails.
package program

// Package program runs real programs on behalf of tests: the server, built from these sources, and what stands before it.
//
// A program is a child of the test that starts it, in a group of its own. It ends with the test, whatever way that ends,
// and what it has said is at hand when something fails.
package program

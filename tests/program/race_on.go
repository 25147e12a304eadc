//go:build race

package program

// buildFlags enables the race detector in the binary if the tests have it.
var buildFlags = []string{"-race"}

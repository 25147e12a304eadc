//go:build race

package program

// buildFlags make the binary look for races when the tests do.
var buildFlags = []string{"-race"}

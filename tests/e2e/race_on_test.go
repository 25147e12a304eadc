//go:build race

package e2e

// buildFlags make the binary look for races when the tests do.
var buildFlags = []string{"-race"}

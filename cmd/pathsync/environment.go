package main

import (
	"os"
	"slices"
	"strings"
)

const (
	environmentPrefix = "PATHSYNC_"
	byteOrderMark     = "\ufeff"
)

// verbatim are the flags that may begin and end with blanks. No flag ends with a line end.
var verbatim = []string{"jwt-secret", "jwt-issuer", "jwt-audience"}

// tidyEnvironment removes from the values of our variables what files, editors and secret stores add: line ends, a byte
// order mark, blanks.
func tidyEnvironment() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		flag, ok := strings.CutPrefix(name, environmentPrefix)
		if !ok {
			continue
		}
		tidy := strings.Trim(strings.TrimPrefix(value, byteOrderMark), "\r\n")
		if !slices.Contains(verbatim, strings.ToLower(strings.ReplaceAll(flag, "_", "-"))) {
			tidy = strings.TrimSpace(tidy)
		}
		if tidy != value {
			if err := os.Setenv(name, tidy); err != nil {
				return err
			}
		}
	}
	return nil
}

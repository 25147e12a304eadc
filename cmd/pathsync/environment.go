package main

import (
	"os"
	"strings"
)

const (
	environmentPrefix = "PATHSYNC_"
	byteOrderMark     = "\ufeff"
)

// verbatim are the variables whose blanks may be meant. Line ends never are.
var verbatim = map[string]bool{"PATHSYNC_JWT_SECRET": true, "PATHSYNC_JWT_ISSUER": true, "PATHSYNC_JWT_AUDIENCE": true}

// tidyEnvironment takes from the values of our variables what files, editors and secret stores put around them: line
// ends, a byte order mark, blanks.
func tidyEnvironment() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, environmentPrefix) {
			continue
		}
		tidy := strings.Trim(strings.TrimPrefix(value, byteOrderMark), "\r\n")
		if !verbatim[name] {
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

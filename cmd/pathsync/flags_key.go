package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// oneKey leaves one of several flags that each name a key: that of the command line, if it has one, and otherwise that of the
// environment. Several are an error.
func oneKey(line *kong.Context, keys map[string]*string) error {
	given := map[string]bool{}
	for _, part := range line.Path {
		if part.Flag != nil && keys[part.Flag.Name] != nil {
			given[part.Flag.Name] = true
		}
	}
	if len(given) == 0 {
		for name, value := range keys {
			given[name] = *value != ""
		}
		maps.DeleteFunc(given, func(_ string, set bool) bool { return !set })
	}
	if names := slices.Sorted(maps.Keys(given)); len(names) > 1 {
		return errors.New("--" + strings.Join(names, " and --") + " exclude each other")
	}
	for name, value := range keys {
		if !given[name] {
			*value = ""
		}
	}
	return nil
}

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/pathsync/pathsync"
)

type versionCommand struct {
	outputFlags `embed:""`
}

// Help is shown below the flags.
func (*versionCommand) Help() string {
	return `Example:

  pathsync version --json | jq -r .version`
}

// Run prints the version, as --version does.
func (c *versionCommand) Run(p *program) error {
	b := thisBuild()
	if c.JSON {
		return p.stdout.writeJSON(b)
	}
	return p.stdout.printf("%s\n", b.String())
}

// build describes this program.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // "" if it is not known
	Go      string `json:"go"`               // release
}

func thisBuild() build {
	b := build{Version: pathsync.Version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				b.Commit = setting.Value[:min(12, len(setting.Value))]
			}
		}
	}
	return b
}

func (b build) String() string {
	details := []string{b.Go}
	if b.Commit != "" {
		details = []string{"commit " + b.Commit, b.Go}
	}
	return fmt.Sprintf("pathsync %s (%s)", b.Version, strings.Join(details, ", "))
}

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/pathsync/pathsync/internal/testkit"
)

func TestCommandLineReferenceIsCurrent(t *testing.T) {
	line := commandLine{Serve: defaultServe()}
	parser, err := newParser(&line)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, command := range parser.Model.Leaves(true) {
		describe(&b, command)
	}
	testkit.Document(t, "../../docs/reference/cli.md", "commands", b.String())
}

// describe writes the help of a command as Markdown.
func describe(b *strings.Builder, command *kong.Node) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n```\npathsync %s\n```\n\n", command.FullPath(), prose(command.Help), command.Summary())
	b.WriteString(paragraphs(command.Detail))
	var rows []string
	for _, argument := range command.Positional {
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", strings.ToUpper(argument.Name), prose(argument.Help)))
	}
	table(b, "argument", rows)

	group := ""
	rows = nil
	for _, flag := range command.Flags {
		if flag.Name == "help" || flag.Name == "version" || flag.Hidden {
			continue
		}
		if title := titleOf(flag); title != group {
			table(b, "flag", rows)
			fmt.Fprintf(b, "### %s\n\n", title)
			group, rows = title, nil
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", usage(flag), prose(flag.Help)))
	}
	table(b, "flag", rows)
}

func titleOf(flag *kong.Flag) string {
	if flag.Group == nil {
		return ""
	}
	return flag.Group.Title
}

// usage returns how a flag is written, such as --listen=HOST:PORT.
func usage(flag *kong.Flag) string {
	name := "--" + flag.Name
	switch {
	case flag.IsBool() && flag.Tag.Negatable != "":
		return "--[no-]" + flag.Name
	case flag.IsBool():
		return name
	default:
		return name + "=" + strings.Trim(flag.FormatPlaceHolder(), `"`)
	}
}

func table(b *strings.Builder, title string, rows []string) {
	if len(rows) > 0 {
		fmt.Fprintf(b, "| %s | |\n|---|---|\n%s\n", title, strings.Join(rows, ""))
	}
}

// codes are the parts of a help text that are code.
var codes = regexp.MustCompile(`--[a-z][a-z0-9-]*|PATHSYNC_[A-Z_]+|/[a-z]+(?:/[a-z]+)*\b`)

// prose escapes what Markdown and its tables would interpret, and marks code.
func prose(help string) string {
	escape := strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`, "_", `\_`).Replace
	var b strings.Builder
	for help != "" {
		at := codes.FindStringIndex(help)
		if at == nil {
			at = []int{len(help), len(help)}
		}
		b.WriteString(escape(help[:at[0]]))
		if code := help[at[0]:at[1]]; code != "" && !strings.ContainsAny(help[max(at[0]-1, 0):at[0]], "/.:abcdefghijklmnopqrstuvwxyz0123456789") {
			b.WriteString("`" + code + "`")
		} else {
			b.WriteString(escape(code))
		}
		help = help[at[1]:]
	}
	return b.String()
}

// paragraphs turns indented paragraphs into code.
func paragraphs(detail string) string {
	var b strings.Builder
	for _, p := range strings.Split(detail, "\n\n") {
		switch {
		case p == "":
		case strings.HasPrefix(p, "  "):
			fmt.Fprintf(&b, "```sh\n%s\n```\n\n", strings.TrimSpace(strings.ReplaceAll(p, "\n  ", "\n")))
		default:
			fmt.Fprintf(&b, "%s\n\n", prose(p))
		}
	}
	return b.String()
}

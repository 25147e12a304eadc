package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// helpWidth is the width of the help in columns, also on a wider terminal: long lines are hard to read.
const helpWidth = 80

// printHelp is kong's help in a fixed width. Kong formats texts as doc comments, in which two apostrophes are a closing
// quotation mark; help texts contain that mark nowhere else.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	options.WrapUpperBound = helpWidth
	out := ctx.Stdout
	var text bytes.Buffer
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = out
	if err != nil {
		return fmt.Errorf("printing the help: %w", err)
	}
	_, err = io.WriteString(out, strings.ReplaceAll(text.String(), "”", "''"))
	return err
}

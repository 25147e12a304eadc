package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// console is an output of the program. On a terminal it escapes control characters, because rooms can contain terminal
// commands from other users. It does not change what goes to a file or a pipe.
type console struct {
	io.Writer
	terminal bool
	colour   bool // styles are shown; only on a terminal
	redraws  bool // a line can be replaced; only on a terminal
}

func newConsole(w io.Writer) *console {
	file, ok := w.(*os.File)
	terminal := ok && isatty.IsTerminal(file.Fd())
	return &console{
		Writer: w, terminal: terminal, colour: terminal && coloursWanted(os.Getenv), redraws: terminal && understandsSequences(os.Getenv),
	}
}

// understandsSequences reports whether the terminal knows escape sequences.
func understandsSequences(getenv func(string) string) bool { return getenv("TERM") != "dumb" }

// coloursWanted reports whether the environment allows colours; see https://no-color.org.
func coloursWanted(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && understandsSequences(getenv)
}

// Write must not be called with a part of a character.
func (c *console) Write(text []byte) (int, error) {
	if !c.terminal {
		return c.Writer.Write(text)
	}
	if _, err := io.WriteString(c.Writer, escape(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// escape escapes characters that are neither printable nor a tab or line break, as JSON does: JSON stays equivalent.
func escape(text string) string {
	if !strings.ContainsFunc(text, needsEscape) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !needsEscape(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

func needsEscape(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }

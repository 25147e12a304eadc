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

// console is an output of the program. What goes to a terminal is made harmless first: room content comes from
// strangers, and a terminal obeys what it is shown. What goes to a file or a pipe stays as it is.
type console struct {
	io.Writer
	terminal bool
}

func newConsole(w io.Writer) *console {
	file, ok := w.(*os.File)
	return &console{Writer: w, terminal: ok && isatty.IsTerminal(file.Fd())}
}

// Write takes whole texts: a character must not be split over two calls.
func (c *console) Write(text []byte) (int, error) {
	if !c.terminal {
		return c.Writer.Write(text)
	}
	if _, err := io.WriteString(c.Writer, harmless(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// harmless escapes whatever is neither printable nor a line break, in the way of JSON: JSON stays the same JSON.
func harmless(text string) string {
	if !strings.ContainsFunc(text, isHarmful) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !isHarmful(r):
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

func isHarmful(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }

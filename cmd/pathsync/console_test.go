package main

import (
	"bytes"
	"testing"
)

func TestControlCharactersAreEscapedOnATerminal(t *testing.T) {
	tests := map[string]string{
		"plain, ä, 字, 😀 and\ttabs\n":    "plain, ä, 字, 😀 and\ttabs\n",
		"\x1b[31mred":                   `\u001b[31mred`,
		"C1 \u009b31m":                  `C1 \u009b31m`,
		"\rover\x7f\x00":                `\u000dover\u007f\u0000`,
		"bidi \u202eevil":               `bidi \u202eevil`,
		"tag \U000e0041":                `tag \udb40\udc41`,
		"not UTF-8 \xff":                "not UTF-8 \ufffd",
		"no-break\u00a0space \u2028end": `no-break\u00a0space \u2028end`,
	}
	for text, want := range tests {
		var screen, file bytes.Buffer
		(&console{Writer: &screen, terminal: true}).Write([]byte(text))
		(&console{Writer: &file}).Write([]byte(text))
		if screen.String() != want {
			t.Errorf("%q is shown as %q, want %q", text, screen.String(), want)
		}
		if file.String() != text {
			t.Errorf("%q is written to a file as %q", text, file.String())
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

func TestColoursAreShownOnTerminalsOnly(t *testing.T) {
	for _, test := range []struct {
		console console
		want    string
	}{
		{console{terminal: true, colour: true}, "\x1b[31mFAULT\x1b[0m \\u001b[2J \\u001b[3J 7\n"},
		{console{terminal: true}, "FAULT \\u001b[2J \\u001b[3J 7\n"},
		{console{}, "FAULT \x1b[2J \x1b[3J 7\n"},
	} {
		var out bytes.Buffer
		test.console.Writer = &out
		if err := test.console.printf("%s %s %s %d\n", red.of("FAULT"), "\x1b[2J", errors.New("\x1b[3J"), 7); err != nil || out.String() != test.want {
			t.Errorf("%q, %v, want %q", out.String(), err, test.want)
		}
	}
}

func TestControlCharactersInStyledTextAreEscaped(t *testing.T) {
	var out bytes.Buffer
	c := console{Writer: &out, terminal: true, colour: true}
	if err := c.printf("%s", bold.of("%s", "a\x1b[0m\x1b[2Jb")); err != nil || out.String() != "\x1b[1ma\\u001b[0m\\u001b[2Jb\x1b[0m" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestNoColorDisablesColours(t *testing.T) {
	for want, env := range map[bool]map[string]string{true: {}, false: {"NO_COLOR": "1"}} {
		if got := coloursWanted(func(name string) string { return env[name] }); got != want {
			t.Errorf("%v: %t", env, got)
		}
	}
	if coloursWanted(func(name string) string { return map[string]string{"TERM": "dumb"}[name] }) {
		t.Error("colours on a terminal without")
	}
	pipe, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer out.Close()
	if c := newConsole(out); c.terminal || c.colour {
		t.Errorf("of a pipe: %+v", c)
	}
}

func TestTableHasAlignedColumns(t *testing.T) {
	var out bytes.Buffer
	c := console{Writer: &out, terminal: true, colour: true}
	if err := c.table([][]string{{"A", "BB"}, {"ä\x1b", "1"}, {"", "22"}}); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[1mA        BB\x1b[0m\nä\\u001b  1\n         22\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestProgressIsShownOnATerminalAndThenRemoved(t *testing.T) {
	var screen, dumb, file bytes.Buffer
	for _, c := range []*console{{Writer: &screen, terminal: true, redraws: true}, {Writer: &dumb, terminal: true}, {Writer: &file}} {
		line := &progress{out: c}
		line.show("%d %s", 1, "\x1b[2J")
		line.show("too soon")
		line.clear()
		line.clear()
	}
	if want := "\r\x1b[K1 \\u001b[2J\r\x1b[K"; screen.String() != want || dumb.Len() != 0 || file.Len() != 0 {
		t.Errorf("%q, %q and %q, want %q", screen.String(), dumb.String(), file.String(), want)
	}
}

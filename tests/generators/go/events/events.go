// Package events reads streams of Server-Sent Events, for clients whose generator does not.
package events

import (
	"bufio"
	"io"
	"strings"
)

// Next returns the data of the next event with a name. The server writes the data of an event in one line.
func Next(stream io.Reader, name string) (string, error) {
	event, lines := "", bufio.NewScanner(stream)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "event":
			event = value
		case field == "data" && event == name:
			return value, nil
		}
	}
	if lines.Err() != nil {
		return "", lines.Err()
	}
	return "", io.ErrUnexpectedEOF
}

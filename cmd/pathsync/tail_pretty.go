package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pathsync/pathsync/client"
)

// present is a client in the data of presence events.
type present struct{ ClientID, UserID, DisplayName, Field string }

func (u present) String() string {
	name := cmp.Or(u.DisplayName, u.UserID, u.ClientID)
	if u.Field != "" {
		name += " in " + u.Field
	}
	return name
}

func names(users []present) string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = u.String()
	}
	return shorten(strings.Join(all, ", "))
}

// prettyEvent returns the lines that describe an event to a person.
func prettyEvent(e client.Event) (kind styled, room string, lines []string) {
	var data struct {
		Room, Key, Epoch, ClientID, UserID, Title, Code string
		ServerSeq, AfterMs                              int64
		State                                           json.RawMessage
		Ops                                             []client.Op
		Users, Joined, Updated                          []present
		Left                                            []string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil { // another version
		return styled{dim, e.Name}, "", []string{shorten(string(e.Data))}
	}
	switch e.Name {
	case "state":
		return styled{blue, e.Name}, data.Room, []string{fmt.Sprintf("%s as of %d: %s", data.Key, data.ServerSeq, shorten(string(data.State)))}
	case "up-to-date":
		return styled{dim, e.Name}, data.Room, []string{fmt.Sprintf("at %s-%d", data.Epoch, data.ServerSeq)}
	case "delta":
		for _, op := range data.Ops {
			lines = append(lines, data.Key+": "+describeOp(op))
		}
		if len(lines) == 0 {
			lines = []string{data.Key + ": no operation took effect"}
		}
		return styled{green, fmt.Sprintf("%d by %s", data.ServerSeq, cmp.Or(data.UserID, data.ClientID))}, data.Room, lines
	case "presence":
		return styled{yellow, e.Name}, data.Room, []string{fmt.Sprintf("%d present: %s", len(data.Users), names(data.Users))}
	case "presence-change":
		for _, list := range []struct {
			what  string
			users []present
		}{{"joined", data.Joined}, {"now", data.Updated}} {
			if len(list.users) > 0 {
				lines = append(lines, list.what+": "+names(list.users))
			}
		}
		if len(data.Left) > 0 {
			lines = append(lines, "left: "+shorten(strings.Join(data.Left, ", ")))
		}
		return styled{yellow, "presence"}, data.Room, lines
	case "problem":
		return styled{red, e.Name}, data.Room, []string{fmt.Sprintf("%s (%s)", data.Title, data.Code)}
	case "reconnect":
		return styled{dim, e.Name}, data.Room, []string{fmt.Sprintf("in %d ms", data.AfterMs)}
	default:
		return styled{dim, e.Name}, data.Room, []string{shorten(string(e.Data))}
	}
}

// printPretty writes an event for a person. The room is shown if there are several.
func (p *program) printPretty(e client.Event, several bool) error {
	kind, room, lines := prettyEvent(e)
	kind.text = shorten(kind.text)
	if pad := 16 - len([]rune(kind.text)); pad > 0 {
		kind.text += strings.Repeat(" ", pad)
	}
	if several && room != "" {
		room += "  "
	} else {
		room = ""
	}
	for _, line := range lines {
		if err := p.stdout.printf("%s  %s%s\n", kind, room, line); err != nil {
			return err
		}
	}
	return nil
}

package httpapi

import (
	"errors"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// eventID is a position in a room's history: `<epoch>-<serverSeq>`.
type eventID struct {
	epoch string
	seq   int64
}

// maxEventID bounds the text of an event id, in bytes. Ours are far shorter.
const maxEventID = 64

var errEventID = errors.New("an event id is an epoch, a hyphen and a decimal number, as the server sent it")

// parseEventID reads an event id. It says nothing about whether the position exists.
func parseEventID(s string) (eventID, error) {
	epoch, digits, ok := strings.Cut(s, "-")
	if !ok || len(s) > maxEventID || !isEpoch(epoch) {
		return eventID{}, errEventID
	}
	seq, ok := parseSeq(digits)
	if !ok {
		return eventID{}, errEventID
	}
	return eventID{epoch, seq}, nil
}

func isEpoch(s string) bool { return s != "" && !strings.ContainsFunc(s, notAlphanumeric) }

// parseSeq reads a serverSeq, or 0. Each has one text.
func parseSeq(digits string) (seq int64, ok bool) {
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || digits[0] == '+' || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	return int64(n), true
}

func notAlphanumeric(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

func (id eventID) String() string { return string(id.append(nil)) }

func (id eventID) append(dst []byte) []byte {
	dst = append(dst, id.epoch...)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, id.seq, 10)
}

// etag is the event id as a strong entity tag.
func (id eventID) etag() string { return `"` + id.String() + `"` }

// queryEventID returns an event id that is a query parameter, and nil when it is absent.
func queryEventID(c echo.Context, name string) (*eventID, error) {
	text := c.QueryParam(name)
	if text == "" {
		return nil, nil
	}
	id, err := parseEventID(text)
	if err != nil {
		return nil, problem(InvalidEventID, name+": "+err.Error())
	}
	return &id, nil
}

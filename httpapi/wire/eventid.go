package wire

import (
	"errors"
	"strconv"
	"strings"
)

// EventID is a position in the history of a room: `<epoch>-<serverSeq>`.
type EventID struct {
	Epoch string
	Seq   int64
}

// maxEventID is the maximum length of an event id in bytes, far above those that the server makes.
const maxEventID = 64

var errEventID = errors.New("an event id is an epoch, a hyphen and a decimal number, as the server sent it")

// ParseEventID reads an event id. It does not check that the position exists.
func ParseEventID(s string) (EventID, error) {
	epoch, digits, ok := strings.Cut(s, "-")
	if !ok || len(s) > maxEventID || !isEpoch(epoch) {
		return EventID{}, errEventID
	}
	seq, ok := ParseNumber(digits)
	if !ok {
		return EventID{}, errEventID
	}
	return EventID{epoch, seq}, nil
}

func isEpoch(s string) bool { return s != "" && !strings.ContainsFunc(s, notAlphanumeric) }

func notAlphanumeric(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

// ParseNumber reads an integer of a URL or a header: decimal digits, without a sign and leading zeros, so that it has only one
// text.
func ParseNumber(digits string) (n int64, ok bool) {
	u, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || digits[0] == '+' || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	return int64(u), true
}

func (id EventID) String() string { return string(id.Append(nil)) }

// Append appends the text of the event id.
func (id EventID) Append(dst []byte) []byte {
	dst = append(dst, id.Epoch...)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, id.Seq, 10)
}

// ETag returns the event id as a strong entity tag.
func (id EventID) ETag() string { return `"` + id.String() + `"` }

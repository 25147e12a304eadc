package core

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Longest names, in characters. A character is a UTF-16 code unit everywhere in pathsync: what JavaScript's `length`
// and SQL Server's NVARCHAR count.
const (
	MaxRoomLength        = 255
	MaxKeyLength         = 255
	MaxClientIDLength    = 100
	MaxDisplayNameLength = 255
	MaxFieldLength       = 1000
	MaxUserLength        = 255
)

// Why a name is refused. The texts are fit for the person who sent it.
var (
	errNameEmpty   = errors.New("must not be empty")
	errNameLong    = errors.New("is too long")
	errNameUTF8    = errors.New("is not valid UTF-8")
	errNameControl = errors.New("must not contain control characters")
	errNameBlanks  = errors.New("must not begin or end with white space")
	errNameDots    = errors.New(`must not be "." or "..": URLs swallow them`)
)

// CheckName reports why s cannot be the name of a room, a store key or a client, and nil if it can. SQL compares names
// without their trailing blanks and URLs swallow dots, so names where that would matter are refused at the door.
func CheckName(s string, maxLength int) error {
	switch s {
	case "":
		return errNameEmpty
	case ".", "..":
		return errNameDots
	}
	if err := CheckText(s, maxLength); err != nil {
		return err
	}
	if strings.TrimSpace(s) != s {
		return errNameBlanks
	}
	return nil
}

// CheckText reports why s cannot be shown to people as a short text, such as a display name, and nil if it can.
func CheckText(s string, maxLength int) error {
	switch {
	case len(s) > 3*maxLength: // no text within the limit takes more bytes than that
		return errNameLong
	case !utf8.ValidString(s):
		return errNameUTF8
	case Length(s) > maxLength:
		return errNameLong
	case strings.ContainsFunc(s, unicode.IsControl):
		return errNameControl
	}
	return nil
}

// Length counts the characters of s: its UTF-16 code units.
func Length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

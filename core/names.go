package core

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Maximum lengths, in characters. In pathsync, a character is a UTF-16 code unit, as in JavaScript's `length` and SQL
// Server's NVARCHAR.
const (
	MaxRoomLength        = 255
	MaxKeyLength         = 255
	MaxClientIDLength    = 100
	MaxDisplayNameLength = 255
	MaxFieldLength       = 1000
	MaxUserLength        = 255
)

// Errors of names. The API shows their texts to the sender.
var (
	errNameEmpty   = errors.New("must not be empty")
	errNameLong    = errors.New("is too long")
	errNameUTF8    = errors.New("is not valid UTF-8")
	errNameControl = errors.New("must not contain control characters")
	errNameBlanks  = errors.New("must not begin or end with white space")
	errNameDots    = errors.New(`must not be "." or "..", which URLs remove`)
)

// CheckName returns an error if s cannot be the name of a room, a store key or a clientId. Names that begin or end with white
// space are refused because SQL ignores trailing blanks in comparisons; "." and ".." because URLs remove them.
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

// CheckText returns an error if s cannot be a short text that is shown to users, such as a display name.
func CheckText(s string, maxLength int) error {
	switch {
	case len(s) > 3*maxLength: // a character takes at most 3 bytes
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

// Length returns the number of UTF-16 code units of s.
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

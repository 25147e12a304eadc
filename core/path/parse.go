package path

import (
	"strings"
	"unicode/utf8"
)

// maxBytesPerCharacter is what a UTF-16 code unit takes in UTF-8 at most: one of two to the four bytes of a pair, or a
// character of three bytes alone.
const maxBytesPerCharacter = 3

// Parse reads a path. Names without an escape share the memory of text. The error is an [*Error].
func Parse(text string) (Path, error) {
	switch {
	case text == "":
		return nil, nil
	case len(text) > maxBytesPerCharacter*MaxLength: // before anything takes time that grows with the text
		return nil, &Error{At: MaxLength, Err: ErrTooLong}
	case !utf8.ValidString(text):
		return nil, wrong(text, validPrefix(text), ErrUTF8)
	}
	p := make(Path, 0, min(segmentsAtMost(text), MaxSegments))
	raw := 0 // dots that the canonical text will escape and this one does not
	for at := 0; at < len(text); {
		if len(p) == MaxSegments {
			return nil, wrong(text, at, ErrTooManySegments)
		}
		s, err := segmentAt(text, at, len(p) == 0)
		if err != nil {
			return nil, err
		}
		p = append(p, s.Segment)
		raw += s.rawDots
		at = s.end
	}
	// Characters are counted only where bytes, which are never fewer, are too many.
	if len(text)+raw > MaxLength && length(text)+raw > MaxLength {
		return nil, &Error{At: MaxLength, Err: ErrTooLong}
	}
	return p, nil
}

// segmentsAtMost is a bound that is exact but for escapes and raw dots in ids, so that one allocation does.
func segmentsAtMost(text string) int {
	return 1 + strings.Count(text, ".") + strings.Count(text, "[")
}

type parsedSegment struct {
	Segment
	rawDots int
	end     int // offset behind the segment
}

// segmentAt reads the segment that starts at an offset, with the `.` or `[` that introduces it.
func segmentAt(text string, at int, first bool) (parsedSegment, error) {
	var s parsedSegment
	switch {
	case text[at] == '[':
		s.Item = true
		at++
	case text[at] == '.' && !first:
		at++
	case !first: // a key ends only at a dot, a bracket or the end, so this stands behind an item
		return s, wrong(text, at, ErrAfterItem)
	}
	start, escapes := at, 0
scan:
	for ; at < len(text); at++ {
		switch text[at] {
		case '\\':
			if at+1 == len(text) || !isSpecial(text[at+1]) {
				return s, wrong(text, at, ErrEscape)
			}
			escapes++
			at++
		case '.':
			if !s.Item {
				break scan
			}
			s.rawDots++
		case '[':
			if s.Item {
				return s, wrong(text, at, ErrBracket)
			}
			break scan
		case ']':
			if !s.Item {
				return s, wrong(text, at, ErrBracket)
			}
			break scan
		case 0:
			return s, wrong(text, at, ErrNUL)
		}
	}
	s.Name, s.end = unescape(text[start:at], escapes), at
	switch {
	case s.Item && at == len(text):
		return s, wrong(text, at, ErrUnclosed)
	case s.Item && s.Name == "":
		return s, wrong(text, at, ErrEmptyID)
	case s.Item:
		s.end++ // the closing bracket
	case s.Name == "":
		return s, wrong(text, at, ErrEmptyKey)
	case s.Name == ForbiddenName:
		return s, wrong(text, start, ErrForbiddenName)
	}
	return s, nil
}

func unescape(name string, escapes int) string {
	if escapes == 0 {
		return name
	}
	var b strings.Builder
	b.Grow(len(name) - escapes)
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' {
			i++
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// length counts the characters of valid UTF-8: its UTF-16 code units.
func length(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r >= 0x10000 {
			n++ // a surrogate pair
		}
	}
	return n
}

// validPrefix returns how many bytes at the beginning of text are valid UTF-8.
func validPrefix(text string) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

package path

import (
	"strings"
	"unicode/utf8"
)

// maxBytesPerCharacter is the maximum length of a UTF-16 code unit in UTF-8: three bytes for a character, or half of the four
// bytes of a surrogate pair.
const maxBytesPerCharacter = 3

// Parse parses a path. Names without escapes share memory with text. The error is an [*Error].
func Parse(text string) (Path, error) {
	switch {
	case text == "":
		return nil, nil
	case len(text) > maxBytesPerCharacter*MaxLength: // limits the time for long texts
		return nil, &Error{At: MaxLength, Err: ErrTooLong}
	case !utf8.ValidString(text):
		return nil, wrong(text, validPrefix(text), ErrUTF8)
	}
	p := make(Path, 0, min(segmentsAtMost(text), MaxSegments))
	raw := 0 // unescaped dots in ids, which the canonical text escapes
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
	// Counting characters is necessary only if there are too many bytes, of which there are at least as many.
	if len(text)+raw > MaxLength && length(text)+raw > MaxLength {
		return nil, &Error{At: MaxLength, Err: ErrTooLong}
	}
	return p, nil
}

// segmentsAtMost returns an upper bound for one allocation. It is exact without escapes and unescaped dots in ids.
func segmentsAtMost(text string) int {
	return 1 + strings.Count(text, ".") + strings.Count(text, "[")
}

type parsedSegment struct {
	Segment
	rawDots int
	end     int // offset after the segment
}

// segmentAt parses the segment at an offset, with the `.` or `[` before it.
func segmentAt(text string, at int, first bool) (parsedSegment, error) {
	var s parsedSegment
	switch {
	case text[at] == '[':
		s.Item = true
		at++
	case text[at] == '.' && !first:
		at++
	case !first: // a key ends only at a dot, a bracket or the end, so this follows an item
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

// length returns the number of UTF-16 code units of valid UTF-8.
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

// validPrefix returns the length of the longest prefix that is valid UTF-8, in bytes.
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

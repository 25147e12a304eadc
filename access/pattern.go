package access

import "strings"

// Pattern matches names byte by byte, without case folding or Unicode normalisation. Matching does not backtrack: its time
// is linear in the length of the name for each wildcard. The zero value matches no name, since names are not empty.
type Pattern struct {
	pieces []string // the literal text between wildcards; one piece: the whole name
}

// Exact returns a pattern that matches one name. A `*` in the name has no special meaning.
func Exact(name string) Pattern { return Pattern{[]string{name}} }

// Glob returns a pattern in which `*` matches any run of characters, including none and including slashes. Every other
// character matches itself. `*` cannot be escaped: use Exact for names that users choose.
func Glob(text string) Pattern { return Pattern{strings.Split(text, "*")} }

// Matches reports whether the pattern matches the whole name.
func (p Pattern) Matches(name string) bool {
	if len(p.pieces) <= 1 {
		return len(p.pieces) == 1 && p.pieces[0] == name
	}
	first, middle, last := p.pieces[0], p.pieces[1:len(p.pieces)-1], p.pieces[len(p.pieces)-1]
	rest, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for _, piece := range middle { // the leftmost match leaves the longest rest
		if _, rest, ok = strings.Cut(rest, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, last)
}

// memory estimates the memory of the pattern in bytes.
func (p Pattern) memory() (bytes int) {
	for _, piece := range p.pieces {
		bytes += 16 + len(piece)
	}
	return bytes
}

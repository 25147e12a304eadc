package core

import "strings"

// Pattern says which names it covers. It is compared byte by byte, without case folding or normalisation, in a time
// that grows with the name and not with what could be tried: there is nothing to backtrack.
//
// The zero value covers no name, since no name is empty.
type Pattern struct {
	pieces []string // what stands between the wildcards; a single one is a whole name
}

// Exactly covers one name, whatever characters it has.
func Exactly(name string) Pattern { return Pattern{[]string{name}} }

// Matching covers the names that a text describes: `*` stands for any run of characters, also for none and also for
// slashes, and every other character for itself. Nothing escapes a `*`: a name that others choose belongs into Exactly.
func Matching(text string) Pattern { return Pattern{strings.Split(text, "*")} }

// memory is about how many bytes of memory the pattern takes.
func (p Pattern) memory() (bytes int) {
	for _, piece := range p.pieces {
		bytes += 16 + len(piece)
	}
	return bytes
}

// Covers reports whether the pattern covers a name.
func (p Pattern) Covers(name string) bool {
	if len(p.pieces) <= 1 {
		return len(p.pieces) == 1 && p.pieces[0] == name
	}
	first, middle, last := p.pieces[0], p.pieces[1:len(p.pieces)-1], p.pieces[len(p.pieces)-1]
	rest, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for _, piece := range middle { // the earliest place leaves the most for those that follow
		if _, rest, ok = strings.Cut(rest, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, last)
}

package path

import "strings"

// Limits of a path.
const (
	MaxLength   = 1000 // characters (UTF-16 code units) of the canonical text
	MaxSegments = 64
)

// ForbiddenName is the member name that documents must not have.
const ForbiddenName = "__proto__"

// Segment is one step of a path.
type Segment struct {
	Name string // the key or the id, unescaped
	Item bool   // Name is the `_sync_id` of an array item, otherwise the name of a member
}

// Path is a place in a document. The empty path is the document itself.
type Path []Segment

// String returns the canonical text of the path.
func (p Path) String() string {
	if len(p) == 0 {
		return ""
	}
	if len(p) == 1 && !p[0].Item && !strings.ContainsAny(p[0].Name, special) {
		return p[0].Name
	}
	n := 0
	for _, s := range p {
		n += len(s.Name) + 2
	}
	return string(p.AppendTo(make([]byte, 0, n)))
}

// AppendTo appends the canonical text of the path to dst and returns the extended slice.
func (p Path) AppendTo(dst []byte) []byte {
	for i, s := range p {
		switch {
		case s.Item:
			dst = append(appendEscaped(append(dst, '['), s.Name), ']')
		case i > 0:
			dst = appendEscaped(append(dst, '.'), s.Name)
		default:
			dst = appendEscaped(dst, s.Name)
		}
	}
	return dst
}

// special has the characters that are escaped in a path.
const special = `.[]\`

func isSpecial(c byte) bool { return c == '.' || c == '[' || c == ']' || c == '\\' }

func appendEscaped(dst []byte, name string) []byte {
	for i := range len(name) { // special characters are ASCII, so bytes suffice
		if isSpecial(name[i]) {
			dst = append(dst, '\\')
		}
		dst = append(dst, name[i])
	}
	return dst
}

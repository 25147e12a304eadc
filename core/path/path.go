package path

import "strings"

// Limits of a path.
const (
	MaxLength   = 1000 // characters (UTF-16 code units) of the canonical text
	MaxSegments = 64
)

// ForbiddenName is the one member name that no document may have.
const ForbiddenName = "__proto__"

// Segment is one step of a path.
type Segment struct {
	Name string // the key or the id, unescaped
	Item bool   // Name is the `_sync_id` of an array's item; otherwise it is the name of an object's member
}

// Path leads from a document to a place in it, one segment at a time. The empty path is the document itself.
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

// AppendTo appends the canonical text of the path to dst and returns the longer slice.
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

// special are the characters that have a meaning in a path.
const special = `.[]\`

func isSpecial(c byte) bool { return c == '.' || c == '[' || c == ']' || c == '\\' }

func appendEscaped(dst []byte, name string) []byte {
	for i := range len(name) { // bytes will do: what is special is ASCII
		if isSpecial(name[i]) {
			dst = append(dst, '\\')
		}
		dst = append(dst, name[i])
	}
	return dst
}

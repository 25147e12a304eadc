package tree

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/pathsync/pathsync/core/path"
)

// ErrTooDeep is what a ParseError holds when objects and arrays are nested deeper than allowed.
var ErrTooDeep = errors.New("nested too deeply")

var (
	errEnd        = errors.New("unexpected end")
	errTrailing   = errors.New("more after the value")
	errValue      = errors.New("not a JSON value")
	errNumber     = errors.New("not a JSON number")
	errRange      = errors.New("number beyond the range of a double")
	errName       = errors.New(`expected a member name in quotes`)
	errColon      = errors.New(`expected ":"`)
	errCommaBrace = errors.New(`expected "," or "}"`)
	errCommaBrack = errors.New(`expected "," or "]"`)
	errDuplicate  = errors.New("duplicate member name")
	errForbidden  = fmt.Errorf("forbidden member name %s", path.ForbiddenName)
	errControl    = errors.New("control character in a string")
	errEscape     = errors.New("unknown escape in a string")
	errSurrogate  = errors.New("lone surrogate in a string")
	errUTF8       = errors.New("invalid UTF-8")
)

// ParseError says what is wrong with a JSON text, and where. Its text is fit for the person who sent it.
type ParseError struct {
	Offset int // in bytes
	Err    error
}

func (e *ParseError) Error() string { return fmt.Sprintf("%v at byte %d", e.Err, e.Offset) }

// Unwrap returns Err.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads one JSON text (RFC 8259) in which objects and arrays are at most maxDepth deep.
//
// It refuses what two readers may take differently: a byte order mark, anything after the value, a member name that
// comes twice in an object or is `__proto__`, invalid UTF-8, an escaped surrogate without its other half, and a number
// beyond the range of a double. It takes time and memory in proportion to the text, however deep that is. The value
// does not share the memory of data. The error is a [*ParseError].
func Parse(data []byte, maxDepth int) (Value, error) {
	p := parser{data: data, maxDepth: maxDepth, pauseAt: pausing}
	v, err := p.parse()
	if err != nil {
		return nil, &ParseError{p.at, err}
	}
	return v, nil
}

// ParseStored reads a value that has been an operation's, or a document, as it was stored.
func ParseStored(data []byte) (Value, error) { return Parse(data, MaxDocumentDepth) }

// parser reads without recursion, so that the depth of a text costs no stack. When a method returns an error, at is
// where it is.
type parser struct {
	data     []byte
	at       int
	pauseAt  int // where other goroutines have a turn
	maxDepth int
	open     []container
	parts    []part // of all open containers; those of the innermost are last
	unquoted []byte // scratch memory for strings with escapes
	flat     []byte // scratch memory for the text of flat arrays
	starts   []int  // where the arrays begin that flatArray has open
	nested   []int  // where arrays begin that are known not to be flat; the next to be read is first
	names    [64]string
}

// container is an object or array whose end has not been read yet.
type container struct {
	object bool
	parts  int // where in parser.parts its own begin
}

// part is a member or an element. The value of the last member of an open object may be still to come.
type part struct {
	name   string
	offset int // of the name
	value  Value
}

// pausing is how many bytes are read before other goroutines have a turn. That takes about half a millisecond.
const pausing = 32 << 10

// pausingEntries is the same for making a tree of members.
const pausingEntries = 4096

// pause gives other goroutines a turn now and then, so that a large text does not delay them until the scheduler notices.
func (p *parser) pause() {
	if p.at >= p.pauseAt {
		runtime.Gosched()
		p.pauseAt = p.at + pausing
	}
}

func (p *parser) parse() (Value, error) {
	for {
		p.pause()
		v, err := p.begin()
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue // inside a container that has begun
		}
		if v, err = p.end(v); v != nil || err != nil {
			return v, err
		}
	}
}

// begin reads a scalar, an empty container, or a container's beginning up to its first value; then it returns nil.
func (p *parser) begin() (Value, error) {
	switch c := p.next(); c {
	case '{', '[':
		if len(p.open) == p.maxDepth {
			return nil, ErrTooDeep
		}
		if c == '[' {
			if v, err := p.flatArray(); v != nil || err != nil {
				return v, err
			}
		}
		p.at++
		p.open = append(p.open, container{c == '{', len(p.parts)})
		switch end := p.next(); {
		case end == closing(c):
			p.at++
			return p.close()
		case c == '{':
			return nil, p.name()
		}
		return nil, nil
	case '"':
		s, err := p.string()
		return String(s), err
	case 'n':
		return Null{}, p.word("null")
	case 't':
		return Bool(true), p.word("true")
	case 'f':
		return Bool(false), p.word("false")
	default:
		return p.number()
	}
}

func closing(opening byte) byte { return opening + 2 } // [ \ ] and { | }

// end takes in a complete value and whatever it completes, up to the beginning of the next value. When the whole text
// is complete it returns its value.
func (p *parser) end(v Value) (Value, error) {
	for len(p.open) > 0 {
		in := p.open[len(p.open)-1]
		if in.object {
			p.parts[len(p.parts)-1].value = v
		} else {
			p.parts = append(p.parts, part{value: v})
		}
		switch c := p.next(); {
		case c == ',':
			p.at++
			if in.object {
				p.next()
				return nil, p.name()
			}
			return nil, nil
		case c == '}' && in.object, c == ']' && !in.object:
			p.at++
			var err error
			if v, err = p.close(); err != nil {
				return nil, err
			}
		case p.at == len(p.data):
			return nil, errEnd
		case in.object:
			return nil, errCommaBrace
		default:
			return nil, errCommaBrack
		}
	}
	if p.next(); p.at < len(p.data) {
		return nil, errTrailing
	}
	return v, nil
}

// close makes a value of the innermost container, which is complete.
func (p *parser) close() (Value, error) {
	c := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	parts := p.parts[c.parts:]
	p.parts = p.parts[:c.parts]
	if !c.object {
		elements := make([]Value, len(parts))
		for i, e := range parts {
			elements[i] = e.value
		}
		return newArray(elements), nil
	}
	members := make([]entry, len(parts))
	for i, m := range parts {
		members[i] = entry{m.name, m.value}
	}
	o, duplicate := newObject(members)
	if duplicate >= 0 {
		p.at = parts[duplicate].offset
		return nil, errDuplicate
	}
	return o, nil
}

// name reads a member's name and the colon after it.
func (p *parser) name() error {
	offset := p.at
	if offset == len(p.data) {
		return errEnd
	}
	if p.data[offset] != '"' {
		return errName
	}
	name, err := p.memberName()
	if err != nil {
		return err
	}
	if name == path.ForbiddenName {
		p.at = offset
		return errForbidden
	}
	switch c := p.next(); {
	case p.at == len(p.data):
		return errEnd
	case c != ':':
		return errColon
	}
	p.at++
	p.parts = append(p.parts, part{name: name, offset: offset})
	return nil
}

func (p *parser) word(w string) error {
	for i := range len(w) {
		switch {
		case p.at == len(p.data):
			return errEnd
		case p.data[p.at] != w[i]:
			return errValue
		}
		p.at++
	}
	return nil
}

// next skips white space and returns the byte that follows, and 0 at the end.
func (p *parser) next() byte {
	for ; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}

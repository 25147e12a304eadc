package tree

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/pathsync/pathsync/core/path"
)

// ErrTooDeep is the Err of a ParseError if objects and arrays are nested deeper than allowed.
var ErrTooDeep = errors.New("nested too deeply")

var (
	errEnd        = errors.New("unexpected end")
	errTrailing   = errors.New("data after the value")
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

// ParseError describes an invalid JSON text. The API shows its text to the sender.
type ParseError struct {
	Offset int // in bytes
	Err    error
}

func (e *ParseError) Error() string { return fmt.Sprintf("%v at byte %d", e.Err, e.Offset) }

// Unwrap returns Err.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse parses one JSON text (RFC 8259) whose objects and arrays are nested at most maxDepth deep.
//
// It refuses texts that parsers interpret differently: a byte order mark, data after the value, a member name that is
// repeated or is `__proto__`, invalid UTF-8, a lone escaped surrogate, and a number beyond the range of a double. It takes
// linear time and memory at any depth. The value does not share memory with data. The error is a [*ParseError].
func Parse(data []byte, maxDepth int) (Value, error) {
	p := parsers.Get().(*parser)
	defer p.release()
	p.data, p.maxDepth, p.pauseAt = data, maxDepth, pausing
	v, err := p.parse()
	if err != nil {
		return nil, &ParseError{p.at, err}
	}
	return v, nil
}

// parsers are reused: a text of an ordinary batch needs no memory besides its value's.
var parsers = sync.Pool{New: func() any { return new(parser) }}

// What a parser that is not in use keeps: so many bytes of scratch memory, parts, and bytes of a name.
const (
	keepScratch = 4 << 10
	keepParts   = 64
	keepName    = 64
)

// release makes the parser available to the next text. It keeps little memory, and nothing of the value.
func (p *parser) release() {
	if max(cap(p.unquoted), cap(p.flat)) > keepScratch || max(cap(p.parts), cap(p.open), cap(p.starts)) > keepParts {
		return
	}
	for i := range p.names {
		if len(p.names[i]) > keepName {
			p.names[i] = ""
		}
	}
	clear(p.parts[:cap(p.parts)])
	p.data, p.at, p.open, p.parts, p.nested = nil, 0, p.open[:0], p.parts[:0], nil
	parsers.Put(p)
}

// ParseStored parses a stored value or document.
func ParseStored(data []byte) (Value, error) { return Parse(data, MaxDocumentDepth) }

// parser parses without recursion, so that a deep text does not use the stack. When a method returns an error, at is its
// offset.
type parser struct {
	data     []byte
	at       int
	pauseAt  int // offset of the next pause
	maxDepth int
	open     []container
	parts    []part // of all open containers, the innermost last
	unquoted []byte // scratch memory for strings with escapes
	flat     []byte // scratch memory for the text of flat arrays
	starts   []int  // offsets of the arrays that flatArray has open
	nested   []int  // offsets of arrays that are not flat; the next one first
	names    [64]string
}

// container is an open object or array.
type container struct {
	object bool
	parts  int // index of its first part in parser.parts
}

// part is a member or an element. The last member of an open object may not have its value yet.
type part struct {
	name   string
	offset int // of the name
	value  Value
}

// pausing is the number of bytes between two pauses, which are about half a millisecond apart.
const pausing = 32 << 10

// pausingEntries is the number of entries between two pauses while a tree of members is built or a value is encoded.
const pausingEntries = 4096

// pause yields to other goroutines, so that a large text does not delay them until the scheduler preempts the parser.
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
			continue // the first value of the container is next
		}
		if v, err = p.end(v); v != nil || err != nil {
			return v, err
		}
	}
}

// begin parses a scalar or an empty container, or opens a container and returns nil.
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

// end adds a complete value to its container and closes the containers that end there. It stops before the next value, or
// returns the value of the whole text.
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

// close returns the value of the innermost container, which is complete.
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

// name parses a member name and the colon after it.
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

// next skips white space and returns the next byte, or 0 at the end.
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

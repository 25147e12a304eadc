package tree

import (
	"unicode/utf16"
	"unicode/utf8"
)

// string parses the string at the parser's position.
func (p *parser) string() (string, error) {
	b, err := p.quoted()
	return string(b), err
}

// memberName parses a string and shares memory between recent equal names, since the items of an array mostly have the same
// members. The number of remembered names is limited.
func (p *parser) memberName() (string, error) {
	b, err := p.quoted()
	if err != nil || len(b) == 0 {
		return "", err
	}
	known := &p.names[(len(b)*31+int(b[0])*7+int(b[len(b)-1]))%len(p.names)]
	if *known != string(b) {
		*known = string(b)
	}
	return *known, nil
}

// quoted parses a string. The bytes are valid until the next call.
func (p *parser) quoted() ([]byte, error) {
	start := p.at
	p.at++
	ascii := true
	for ; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; {
		case c == '"':
			raw := p.data[start+1 : p.at]
			if !ascii && !utf8.Valid(raw) {
				return nil, p.invalidUTF8(start + 1)
			}
			p.at++
			return raw, nil
		case c == '\\':
			p.unquoted = append(p.unquoted[:0], p.data[start+1:p.at]...)
			return p.quotedWithEscapes(start + 1)
		case c < ' ':
			return nil, errControl
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, errEnd
}

// quotedWithEscapes parses the rest of a string from its first escape; unquoted has the part before. start is the offset of
// the string's first character.
func (p *parser) quotedWithEscapes(start int) ([]byte, error) {
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			// Escapes are ASCII and are checked one by one, so the UTF-8 of the source can be checked at once.
			if !utf8.Valid(p.data[start:p.at]) {
				return nil, p.invalidUTF8(start)
			}
			p.at++
			return p.unquoted, nil
		case c == '\\':
			if err := p.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, errControl
		default:
			p.unquoted = append(p.unquoted, c)
			p.at++
		}
	}
	return nil, errEnd
}

func (p *parser) escape() error {
	if p.at+1 == len(p.data) {
		p.at++
		return errEnd
	}
	c := p.data[p.at+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return p.unicodeEscape()
	default:
		return errEscape
	}
	p.unquoted = append(p.unquoted, c)
	p.at += 2
	return nil
}

func (p *parser) unicodeEscape() error {
	r, ok := p.hex4(p.at)
	if !ok {
		return errEscape
	}
	size := len(`\u0000`)
	if utf16.IsSurrogate(r) {
		low, ok := p.hex4(p.at + size)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return errSurrogate
		}
		size *= 2
	}
	p.unquoted = utf8.AppendRune(p.unquoted, r)
	p.at += size
	return nil
}

// hex4 parses an escape of the form \u0000 at an offset.
func (p *parser) hex4(at int) (r rune, ok bool) {
	if len(p.data)-at < len(`\u0000`) || p.data[at] != '\\' || p.data[at+1] != 'u' {
		return 0, false
	}
	for _, c := range p.data[at+2 : at+6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// invalidUTF8 moves to the first invalid byte at or after an offset.
func (p *parser) invalidUTF8(from int) error {
	for p.at = from; ; {
		r, size := utf8.DecodeRune(p.data[p.at:])
		if r == utf8.RuneError && size <= 1 {
			return errUTF8
		}
		p.at += size
	}
}

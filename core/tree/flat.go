package tree

import "bytes"

// flatArray parses a flat array without a value for each element. It returns nil and consumes nothing if the array is empty or
// contains an object.
//
// No part of a text is parsed more than twice: at an object, flatArray adds the open arrays to nested, and they are not tried
// again.
func (p *parser) flatArray() (Value, error) {
	if len(p.nested) > 0 && p.nested[0] == p.at {
		p.nested = p.nested[1:]
		return nil, nil
	}
	text := flatText{begin: p.at, scratch: p.flat[:0]}
	p.starts = p.starts[:0]
	for {
		p.pause()
		whole, err := p.flatElement(&text)
		if err != nil {
			return nil, err
		}
		if !whole {
			if p.peek() != '{' && len(p.starts) > 0 {
				continue // the first element of this array is next
			}
			// Earlier entries of nested begin before this object and have been parsed.
			p.nested = append(p.nested[:0], p.starts[min(1, len(p.starts)):]...)
			p.at = text.begin
			return nil, nil
		}
		if err := p.flatEnd(&text); err != nil {
			return nil, err
		}
		if len(p.starts) == 0 {
			flat := string(text.read(p))
			p.flat = text.scratch
			return &Array{ordered: ordered{size: len(flat)}, flat: flat}, nil
		}
	}
}

// flatText builds the canonical text of an array. It copies nothing while that equals the input.
type flatText struct {
	begin   int    // offset of the array
	differs bool   // the canonical text differs from the input
	scratch []byte // if it differs: the canonical text up to kept
	kept    int
}

// skip replaces the input between two offsets.
func (t *flatText) skip(p *parser, from, to int, instead []byte) {
	if !t.differs {
		t.differs, t.kept = true, t.begin
	}
	t.scratch = append(append(t.scratch, p.data[t.kept:from]...), instead...)
	t.kept = to
}

// read returns the text up to the parser's position.
func (t *flatText) read(p *parser) []byte {
	if !t.differs {
		return p.data[t.begin:p.at]
	}
	t.skip(p, p.at, p.at, nil)
	return t.scratch
}

// flatNext is next, and omits white space from the text.
func (p *parser) flatNext(text *flatText) byte {
	before := p.at
	c := p.next()
	if p.at > before {
		text.skip(p, before, p.at, nil)
	}
	return c
}

// flatElement parses a scalar, an empty array, or the start of an array up to its first element. whole is false for such a
// start, for an empty outermost array, and at an object.
func (p *parser) flatElement(text *flatText) (whole bool, err error) {
	switch c := p.flatNext(text); c {
	case '{':
		return false, nil
	case '[':
		if len(p.open)+len(p.starts) == p.maxDepth {
			return false, ErrTooDeep
		}
		start := p.at
		p.at++
		if p.flatNext(text) != ']' {
			p.starts = append(p.starts, start)
			return false, nil
		}
		if len(p.starts) == 0 {
			return false, nil
		}
		p.at++
	case '"':
		err = p.flatString(text)
	case 'n':
		err = p.word("null")
	case 't':
		err = p.word("true")
	case 'f':
		err = p.word("false")
	default:
		err = p.skipNumber()
	}
	return true, err
}

// flatString parses a string. Its canonical text can differ only if it has escapes.
func (p *parser) flatString(text *flatText) error {
	start := p.at
	s, err := p.quoted()
	if err != nil || len(s)+len(`""`) == p.at-start {
		return err
	}
	canonical := appendQuoted(nil, s)
	if !bytes.Equal(canonical, p.data[start:p.at]) {
		text.skip(p, start, p.at, canonical)
	}
	return nil
}

// flatEnd parses the ends of arrays after an element, and a comma unless the outermost array has ended.
func (p *parser) flatEnd(text *flatText) error {
	for len(p.starts) > 0 {
		switch c := p.flatNext(text); {
		case c == ',':
			p.at++
			return nil
		case c == ']':
			p.at++
			p.starts = p.starts[:len(p.starts)-1]
		case p.at == len(p.data):
			return errEnd
		default:
			return errCommaBrack
		}
	}
	return nil
}

// readElements parses the elements of a flat array.
func readElements(flat string) []Value {
	p := parser{data: []byte(flat), maxDepth: len(flat), pauseAt: pausing, nested: []int{0}} // the outermost array itself is not flat here
	v, err := p.parse()
	if err != nil {
		panic(err) // it was parsed before
	}
	return v.(*Array).plain
}

// flatDepth returns the nesting depth of a flat array.
func flatDepth(flat string) (deepest int) {
	depth := 0
	for i := 0; i < len(flat); i++ {
		switch flat[i] {
		case '[':
			depth++
			deepest = max(deepest, depth)
		case ']':
			depth--
		case '"':
			for i++; flat[i] != '"'; i++ {
				if flat[i] == '\\' {
					i++
				}
			}
		}
	}
	return deepest
}

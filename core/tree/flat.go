package tree

// flatArray reads an array that is flat, without making a value of each element. It returns nil, and reads nothing, when
// the array is empty or has an object in it.
//
// No part of a text is read more than twice: when an object is met, the arrays that are open there are noted in nested, and
// are not tried again.
func (p *parser) flatArray() (Value, error) {
	if len(p.nested) > 0 && p.nested[0] == p.at {
		p.nested = p.nested[1:]
		return nil, nil
	}
	begin := p.at
	p.starts, p.flat = p.starts[:0], p.flat[:0]
	for {
		whole, err := p.flatElement()
		if err != nil {
			return nil, err
		}
		if !whole {
			if p.peek() != '{' && len(p.starts) > 0 {
				continue // inside an array that has begun
			}
			// Whatever nested had before begins before this object, and has been read.
			p.nested = append(p.nested[:0], p.starts[min(1, len(p.starts)):]...)
			p.at = begin
			return nil, nil
		}
		if err := p.flatEnd(); err != nil {
			return nil, err
		}
		if len(p.starts) == 0 {
			return &Array{ordered: ordered{size: len(p.flat)}, flat: string(p.flat)}, nil
		}
	}
}

// flatElement reads a scalar or an empty array, or the beginning of an array up to its first element. whole is false for
// the latter, for the outermost array when it is empty, and at an object.
func (p *parser) flatElement() (whole bool, err error) {
	start := p.at
	switch c := p.next(); c {
	case '{':
		return false, nil
	case '[':
		if len(p.open)+len(p.starts) == p.maxDepth {
			return false, ErrTooDeep
		}
		start = p.at
		p.at++
		if p.next() != ']' {
			p.starts = append(p.starts, start)
			p.flat = append(p.flat, '[')
			return false, nil
		}
		if len(p.starts) == 0 {
			return false, nil
		}
		p.at++
		p.flat = append(p.flat, "[]"...)
	case '"':
		var text []byte
		text, err = p.quoted()
		p.flat = appendQuoted(p.flat, text)
	case 'n':
		p.flat, err = append(p.flat, "null"...), p.word("null")
	case 't':
		p.flat, err = append(p.flat, "true"...), p.word("true")
	case 'f':
		p.flat, err = append(p.flat, "false"...), p.word("false")
	default:
		start = p.at
		err = p.skipNumber()
		p.flat = append(p.flat, p.data[start:p.at]...)
	}
	return true, err
}

// flatEnd reads what follows on an element: the ends of arrays, and a comma unless the outermost has ended.
func (p *parser) flatEnd() error {
	for len(p.starts) > 0 {
		switch c := p.next(); {
		case c == ',':
			p.at++
			p.flat = append(p.flat, ',')
			return nil
		case c == ']':
			p.at++
			p.flat = append(p.flat, ']')
			p.starts = p.starts[:len(p.starts)-1]
		case p.at == len(p.data):
			return errEnd
		default:
			return errCommaBrack
		}
	}
	return nil
}

// readElements returns the elements of a flat array.
func readElements(flat string) []Value {
	p := parser{data: []byte(flat), maxDepth: len(flat), nested: []int{0}} // the outermost array is taken apart
	v, err := p.parse()
	if err != nil {
		panic(err) // it has been read before
	}
	return v.(*Array).plain
}

// flatDepth returns how deeply arrays are nested in the text of a flat one.
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

package tree

import "strconv"

// number parses a number and keeps its text.
func (p *parser) number() (Value, error) {
	start := p.at
	if err := p.skipNumber(); err != nil {
		return nil, err
	}
	return Number(p.data[start:p.at]), nil
}

// skipNumber checks and skips a number.
func (p *parser) skipNumber() error {
	start := p.at
	if start == len(p.data) {
		return errEnd
	}
	if c := p.data[start]; c != '-' && !isDigit(c) {
		return errValue
	}
	if p.data[start] == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
		if isDigit(p.peek()) {
			return errNumber // a leading zero
		}
	} else if !p.digits() {
		return errNumber
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return errNumber
		}
	}
	mantissa := p.at - start
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return errNumber
		}
	}
	if !surelyFinite(mantissa, p.at-start-mantissa) {
		if _, err := strconv.ParseFloat(string(p.data[start:p.at]), 64); err != nil {
			p.at = start
			return errRange
		}
	}
	return nil
}

// surelyFinite reports whether every number with a mantissa and an exponent of these lengths is in the range of a double. The
// exponent includes its letter and sign. Such a number is below 1e200 * 1e99.
func surelyFinite(mantissa, exponent int) bool {
	return mantissa <= 200 && exponent <= len("e99")
}

// digits skips digits and reports whether there was one.
func (p *parser) digits() bool {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	return p.at > start
}

// peek returns the byte at the position, or 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

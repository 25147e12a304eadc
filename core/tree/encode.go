package tree

import "unsafe"

// AppendJSON appends the canonical encoding of v to dst and returns the longer slice. It is what JavaScript's
// JSON.stringify writes, without white space, but that numbers keep their own text.
func AppendJSON(dst []byte, v Value) []byte { return v.appendJSON(dst) }

// Text is the canonical encoding of v as a string. It shares memory with v where v keeps its text.
func Text(v Value) string {
	if a, ok := v.(*Array); ok && a.flat != "" {
		return a.flat
	}
	text := AppendJSON(make([]byte, 0, v.Size()), v)
	return unsafe.String(unsafe.SliceData(text), len(text)) // nobody else has it
}

func (Null) appendJSON(dst []byte) []byte     { return append(dst, "null"...) }
func (n Number) appendJSON(dst []byte) []byte { return append(dst, n...) }
func (s String) appendJSON(dst []byte) []byte { return appendQuoted(dst, string(s)) }

func (b Bool) appendJSON(dst []byte) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

func (o *Object) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for name, v := range o.all() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendQuoted(dst, name), ':')
		dst = v.appendJSON(dst)
	}
	return append(dst, '}')
}

func (a *Array) appendJSON(dst []byte) []byte {
	if a.flat != "" {
		return append(dst, a.flat...)
	}
	dst = append(dst, '[')
	first := true
	for v := range a.Values() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = v.appendJSON(dst)
	}
	return append(dst, ']')
}

// Size is 4.
func (Null) Size() int { return len("null") }

// Size is 4 for true and 5 for false.
func (b Bool) Size() int {
	if b {
		return len("true")
	}
	return len("false")
}

// Size is the length of the number's text.
func (n Number) Size() int { return len(n) }

// Size counts the quotes and escapes too. It takes time in proportion to the length.
func (s String) Size() int { return quotedSize(string(s)) }

// Size is known: it takes no time.
func (o *Object) Size() int { return o.size }

// Size is known: it takes no time.
func (a *Array) Size() int { return a.size }

// escapes holds, for each byte that cannot stand in a JSON string as it is, the letter of its short escape, or 'u'.
// Bytes beyond ASCII stand as they are, and so do the slash, DEL, U+2028 and U+2029.
var escapes = func() (table [256]byte) {
	for c := range byte(' ') {
		table[c] = 'u'
	}
	table['\b'], table['\t'], table['\n'], table['\f'], table['\r'] = 'b', 't', 'n', 'f', 'r'
	table['"'], table['\\'] = '"', '\\'
	return table
}()

// AppendString appends s as a JSON string: AppendJSON of a String.
func AppendString(dst []byte, s string) []byte { return appendQuoted(dst, s) }

func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0 // of what has not been appended yet
	for i := range len(s) {
		e := escapes[s[i]]
		if e == 0 {
			continue
		}
		dst = append(append(dst, s[start:i]...), '\\', e)
		if e == 'u' {
			dst = append(dst, '0', '0', hex[s[i]>>4], hex[s[i]&0xf])
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}

func quotedSize(s string) int {
	n := len(`""`) + len(s)
	for i := range len(s) {
		switch escapes[s[i]] {
		case 0:
		case 'u':
			n += len(`\u0000`) - 1
		default:
			n++
		}
	}
	return n
}

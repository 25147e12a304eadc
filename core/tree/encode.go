package tree

import (
	"runtime"
	"unsafe"
)

// AppendJSON appends the canonical encoding of v to dst and returns the extended slice. The encoding is that of JavaScript's
// JSON.stringify without white space, except that numbers keep their text.
func AppendJSON(dst []byte, v Value) []byte { return v.appendJSON(dst) }

// Text returns the canonical encoding of v as a string. It may share memory with v.
func Text(v Value) string {
	if a, ok := v.(*Array); ok && a.flat != "" {
		return a.flat
	}
	text := AppendJSON(make([]byte, 0, v.Size()), v)
	return unsafe.String(unsafe.SliceData(text), len(text)) // text has no other reference
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
	n := 0
	for name, v := range o.all() {
		dst = separate(dst, n)
		n++
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
	n := 0
	for v := range a.Values() {
		dst = v.appendJSON(separate(dst, n))
		n++
	}
	return append(dst, ']')
}

// separate appends a comma before each entry but the first. After many entries it lets other goroutines run.
func separate(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	if n%pausingEntries == 0 {
		runtime.Gosched() // as in parser.pause
	}
	return append(dst, ',')
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

// Size returns the length of the number's text.
func (n Number) Size() int { return len(n) }

// Size includes quotes and escapes. It takes linear time.
func (s String) Size() int { return quotedSize(string(s)) }

// Size takes constant time.
func (o *Object) Size() int { return o.size }

// Size takes constant time.
func (a *Array) Size() int { return a.size }

// escapes has the letter of the short escape, or 'u', for each byte that must be escaped in a JSON string. Bytes beyond ASCII,
// the slash, DEL, U+2028 and U+2029 are not escaped.
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
	start := 0 // of the part that has not been appended
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

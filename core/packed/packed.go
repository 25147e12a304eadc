// Package packed is the encoding of messages between servers: integers as variable-length numbers, and texts with their
// length before them. A message has no names or types, so both sides must agree on its version.
package packed

import (
	"encoding/binary"
	"errors"
)

// ErrGarbage means that a message is not what the decoder expects.
var ErrGarbage = errors.New("a message cannot be decoded")

// Message is a message to which values are appended.
type Message []byte

// Int appends an integer.
func (m *Message) Int(n int64) { *m = binary.AppendVarint(*m, n) }

// Text appends a text.
func (m *Message) Text(s string) {
	*m = binary.AppendVarint(*m, int64(len(s)))
	*m = append(*m, s...)
}

// Bool appends a truth value.
func (m *Message) Bool(b bool) {
	n := byte(0)
	if b {
		n = 1
	}
	*m = append(*m, n)
}

// Reader reads the values of a message in their order. After a fault it returns zero values, and Err returns ErrGarbage. The
// texts that it returns share the memory of the message.
type Reader struct {
	rest  string
	fault bool
}

// Read returns a reader of a message.
func Read(message []byte) *Reader { return &Reader{rest: string(message)} }

// Err returns ErrGarbage if a value could not be read.
func (r *Reader) Err() error {
	if r.fault {
		return ErrGarbage
	}
	return nil
}

// More reports whether the message has further values.
func (r *Reader) More() bool { return r.rest != "" }

func (r *Reader) fail() { r.fault, r.rest = true, "" }

// Int reads an integer.
func (r *Reader) Int() int64 {
	n := uint64(0)
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return int64(n>>1) ^ -int64(n&1) //nolint:gosec // the sign is the lowest bit
		}
	}
	r.fail()
	return 0
}

// Count reads the number of the values that follow. Each of them has at least a byte, so it is at most the length of the
// rest.
func (r *Reader) Count() int {
	n := r.Int()
	if n < 0 || n > int64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

// Text reads a text.
func (r *Reader) Text() string {
	n := r.Count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// Bool reads a truth value.
func (r *Reader) Bool() bool {
	if r.rest == "" || r.rest[0] > 1 {
		r.fail()
		return false
	}
	b := r.rest[0] == 1
	r.rest = r.rest[1:]
	return b
}

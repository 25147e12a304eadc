package postgres

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// array is an array argument. Its elements have the type with the OID element. add appends an item in the binary format:
// the length in bytes and the value. The driver's own encoding allocates memory for each element.
type array[T any] struct {
	element uint32
	items   []T
	add     func(buf []byte, item T) []byte
}

// appendTo appends the array in the binary format: one dimension with the lower bound 1. The format's flag for NULL elements
// is ignored by the server. For an array of NULL elements only, it returns nil, which is a NULL array: unnest returns the
// same rows for both, and is faster for the latter.
func (a array[T]) appendTo(buf []byte) []byte {
	const dimensions, flags, lowerBound = 1, 0, 1
	for _, field := range []uint32{dimensions, flags, a.element, uint32(len(a.items)), lowerBound} {
		buf = binary.BigEndian.AppendUint32(buf, field)
	}
	begin := len(buf)
	for _, item := range a.items {
		buf = a.add(buf, item)
	}
	if len(buf)-begin == len(a.items)*len(nullElement) && onlyNull(buf[begin:]) {
		return nil
	}
	return buf
}

// nullElement is the length -1.
const nullElement = "\xff\xff\xff\xff"

func onlyNull(elements []byte) bool {
	return len(bytes.Trim(elements, "\xff")) == 0
}

func textArray[T any](items []T, of func(T) string) any {
	return array[T]{pgtype.TextOID, items, func(buf []byte, item T) []byte { return appendText(buf, of(item)) }}
}

// textOrNullArray encodes an empty text as NULL.
func textOrNullArray[T any](items []T, of func(T) string) any {
	return array[T]{pgtype.TextOID, items, func(buf []byte, item T) []byte {
		if text := of(item); text != "" {
			return appendText(buf, text)
		}
		return appendNull(buf)
	}}
}

func bigintArray[T any](items []T, of func(T) int64) any {
	return array[T]{pgtype.Int8OID, items, func(buf []byte, item T) []byte { return appendBigint(buf, of(item)) }}
}

// bigintOrNullArray encodes the number none as NULL.
func bigintOrNullArray[T any](items []T, none int64, of func(T) int64) any {
	return array[T]{pgtype.Int8OID, items, func(buf []byte, item T) []byte {
		if n := of(item); n != none {
			return appendBigint(buf, n)
		}
		return appendNull(buf)
	}}
}

// timeArray encodes milliseconds since 1970.
func timeArray[T any](items []T, of func(T) int64) any {
	return array[T]{pgtype.TimestamptzOID, items, func(buf []byte, item T) []byte {
		return appendBigint(buf, (of(item)-timeZero)*1000)
	}}
}

// timeZero is the origin of the server's times, in milliseconds since 1970.
var timeZero = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

func appendText(buf []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(buf, uint32(len(text))), text...)
}

func appendBigint(buf []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(buf, 8), uint64(n))
}

func appendNull(buf []byte) []byte {
	return append(buf, nullElement...)
}

// registerArrays makes a connection encode an array by its appendTo, and other values as before.
func registerArrays(conn *pgx.Conn) {
	types := conn.TypeMap()
	for _, oid := range []uint32{pgtype.TextArrayOID, pgtype.Int8ArrayOID, pgtype.TimestamptzArrayOID} {
		if known, ok := types.TypeForOID(oid); ok {
			types.RegisterType(&pgtype.Type{Name: known.Name, OID: oid, Codec: arrayCodec{known.Codec}})
		}
	}
}

type arrayCodec struct{ pgtype.Codec }

type appenderTo interface{ appendTo(buf []byte) []byte }

// PlanEncode implements pgtype.Codec.
func (c arrayCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(appenderTo); ok {
		if format != pgtype.BinaryFormatCode {
			return nil
		}
		return encodeArray{}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

type encodeArray struct{}

// Encode implements pgtype.EncodePlan.
func (encodeArray) Encode(value any, buf []byte) ([]byte, error) {
	return value.(appenderTo).appendTo(buf), nil
}

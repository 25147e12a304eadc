package sqlstore

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresArray is an array parameter: its elements are of the type with the OID element. add appends an item to a buffer
// as the binary format has it: a length in bytes and the value. The driver's own encoding allocates
// memory for each element.
type postgresArray[T any] struct {
	element uint32
	items   []T
	add     func(buf []byte, item T) []byte
}

// appendTo appends the array in the binary format: one dimension, whose subscripts begin at 1. The format has a flag for
// NULL elements, which the server does not look at. An array of nothing but NULL becomes NULL, which is nil: unnest makes
// the same rows of both, and does less for the latter.
func (a postgresArray[T]) appendTo(buf []byte) []byte {
	const dimensions, flags, lowerBound = 1, 0, 1
	for _, field := range []uint32{dimensions, flags, a.element, uint32(len(a.items)), lowerBound} {
		buf = binary.BigEndian.AppendUint32(buf, field)
	}
	begin := len(buf)
	for _, item := range a.items {
		buf = a.add(buf, item)
	}
	if len(buf)-begin == len(a.items)*len(postgresNull) && onlyNull(buf[begin:]) {
		return nil
	}
	return buf
}

// postgresNull is a length of -1.
const postgresNull = "\xff\xff\xff\xff"

func onlyNull(elements []byte) bool {
	return len(bytes.Trim(elements, "\xff")) == 0
}

func textArray[T any](items []T, of func(T) string) any {
	return postgresArray[T]{pgtype.TextOID, items, func(buf []byte, item T) []byte { return appendPostgresText(buf, of(item)) }}
}

// textOrNullArray has NULL for an empty text.
func textOrNullArray[T any](items []T, of func(T) string) any {
	return postgresArray[T]{pgtype.TextOID, items, func(buf []byte, item T) []byte {
		if text := of(item); text != "" {
			return appendPostgresText(buf, text)
		}
		return appendPostgresNull(buf)
	}}
}

func bigintArray[T any](items []T, of func(T) int64) any {
	return postgresArray[T]{pgtype.Int8OID, items, func(buf []byte, item T) []byte { return appendPostgresBigint(buf, of(item)) }}
}

// bigintOrNullArray has NULL for a number that stands for none.
func bigintOrNullArray[T any](items []T, none int64, of func(T) int64) any {
	return postgresArray[T]{pgtype.Int8OID, items, func(buf []byte, item T) []byte {
		if n := of(item); n != none {
			return appendPostgresBigint(buf, n)
		}
		return appendPostgresNull(buf)
	}}
}

// timeArray takes milliseconds since 1970.
func timeArray[T any](items []T, of func(T) int64) any {
	return postgresArray[T]{pgtype.TimestamptzOID, items, func(buf []byte, item T) []byte {
		return appendPostgresBigint(buf, (of(item)-postgresTimeZero)*1000)
	}}
}

// postgresTimeZero is where the server counts microseconds from, in milliseconds since 1970.
var postgresTimeZero = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

func appendPostgresText(buf []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(buf, uint32(len(text))), text...)
}

func appendPostgresBigint(buf []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(buf, 8), uint64(n))
}

func appendPostgresNull(buf []byte) []byte {
	return append(buf, postgresNull...)
}

// registerPostgresArrays has a connection encode a postgresArray by its appendTo, and every other value as before.
func registerPostgresArrays(conn *pgx.Conn) {
	types := conn.TypeMap()
	for _, oid := range []uint32{pgtype.TextArrayOID, pgtype.Int8ArrayOID, pgtype.TimestamptzArrayOID} {
		if known, ok := types.TypeForOID(oid); ok {
			types.RegisterType(&pgtype.Type{Name: known.Name, OID: oid, Codec: postgresArrayCodec{known.Codec}})
		}
	}
}

type postgresArrayCodec struct{ pgtype.Codec }

type appenderTo interface{ appendTo(buf []byte) []byte }

// PlanEncode implements pgtype.Codec.
func (c postgresArrayCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(appenderTo); ok {
		if format != pgtype.BinaryFormatCode {
			return nil
		}
		return encodePostgresArray{}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

type encodePostgresArray struct{}

// Encode implements pgtype.EncodePlan.
func (encodePostgresArray) Encode(value any, buf []byte) ([]byte, error) {
	return value.(appenderTo).appendTo(buf), nil
}

package wire_test

import (
	"fmt"

	"github.com/pathsync/pathsync/httpapi/wire"
)

// A reader of two rooms resumes with the last event id that it has received.
func ExampleParsePositions() {
	p, err := wire.ParsePositions("k3v9x2qa-12._", 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Seqs[0], p.Seqs[1] == wire.Nowhere)
	fmt.Println(string(p.Advance(nil, 1, []byte("k3v9x2qa-7")))) // after an event of the second room
	// Output:
	// 12 true
	// k3v9x2qa-12.7
}

// All faults of a body are reported, each with its place.
func ExampleDecodeBatch() {
	_, err := wire.DecodeBatch([]byte(`{"clientId":"ann","key":"default","ops":[{"op":"set","path":"a..b","value":1}]}`),
		wire.Limits{MaxBytes: 1 << 20, MaxOps: 1000, MaxDepth: 64})
	fmt.Println(err)
	// Output:
	// invalid_request: Invalid request
}

package coding_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/pathsync/pathsync/sse/coding"
)

// Two streams share a block. It is compressed once.
func Example() {
	block := coding.NewBlock([]byte("data: a large document\n\n"))
	for range 2 {
		e := coding.Negotiate([]string{"gzip, br"})
		stream := []byte(e.Header())
		stream = append(stream, e.Compressed(block)...)
		stream = e.AppendStored(stream, []byte("data: an event\n\n"))
		stream = append(stream, e.Trailer()...)

		decoder, err := gzip.NewReader(bytes.NewReader(stream))
		if err != nil {
			panic(err)
		}
		text, err := io.ReadAll(decoder)
		fmt.Printf("%q %v\n", text, err)
	}
	// Output:
	// "data: a large document\n\ndata: an event\n\n" <nil>
	// "data: a large document\n\ndata: an event\n\n" <nil>
}

package feed

import (
	"encoding/json"

	"github.com/pathsync/pathsync/sse"
)

// Frame returns an event without an id. data is encoded as JSON; it must not contain types that JSON has not.
func Frame(event string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // the caller's type
	}
	return appendFrame(nil, "", event, text)
}

func appendFrame(dst []byte, id, event string, data []byte) []byte {
	dst, err := sse.AppendEvent(dst, id, event, data)
	if err != nil {
		panic(err) // ids and event names are the server's; they contain no line end
	}
	return dst
}

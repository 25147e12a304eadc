package sse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/pathsync/pathsync/sse"
)

// One publisher, any number of readers. A reader that comes back says which event was its last.
func Example() {
	var streams sse.Group
	feed := sse.NewFeed(sse.FeedConfig{})

	for seq, data := range []string{"red", "green", "blue"} {
		frame, err := sse.AppendEvent(nil, fmt.Sprint(seq+1), "colour", []byte(data))
		if err != nil {
			panic(err) // an id or a name with a line end in it
		}
		_ = feed.Append(int64(seq+1), frame) // fails once the feed is closed
	}
	feed.Wake()

	handler := func(w http.ResponseWriter, r *http.Request) {
		var last int64
		_, _ = fmt.Sscan(r.Header.Get("Last-Event-ID"), &last)
		from, ok := feed.After(last)
		if !ok {
			http.Error(w, "the feed does not reach back that far", http.StatusGone)
			return
		}
		stream, err := streams.Open(w, r)
		if err != nil {
			http.Error(w, "no streaming", http.StatusInternalServerError)
			return
		}
		hello := sse.AppendComment(nil, "hello")
		stream.Start(sse.Plain(hello), feed, from, func(cause error) { fmt.Println("cause:", cause) })
	}

	// Going away: each reader gets a last event, and streams end once they have sent it.
	feed.Close(func(int) []byte {
		frame, _ := sse.AppendEvent(nil, "", "reconnect", []byte("later"))
		return frame
	})

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Last-Event-ID", "3")
	w := httptest.NewRecorder()
	handler(w, r)
	fmt.Println(strings.TrimSpace(w.Body.String()))

	// Output:
	// cause: closed
	// event: reconnect
	// data: later
}

package sse_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/pathsync/pathsync/sse"
)

// One publisher and any number of readers. A reader that reconnects sends the id of its last event.
func Example() {
	var streams sse.Group
	feed := sse.NewFeed(sse.FeedConfig{})

	for seq, data := range []string{"red", "green", "blue"} {
		frame, err := sse.AppendEvent(nil, fmt.Sprint(seq+1), "colour", []byte(data))
		if err != nil {
			panic(err) // the id or the event name contains a line end
		}
		_ = feed.Append(int64(seq+1), frame) // fails if the feed is closed
	}
	feed.Wake()

	handler := func(w http.ResponseWriter, r *http.Request) {
		var last int64
		_, _ = fmt.Sscan(r.Header.Get("Last-Event-ID"), &last)
		from, ok := feed.After(last)
		if !ok {
			http.Error(w, "the feed has dropped these events", http.StatusGone)
			return
		}
		stream, err := streams.Open(w, r)
		if err != nil {
			http.Error(w, "the connection cannot stream", http.StatusInternalServerError)
			return
		}
		hello := sse.AppendComment(nil, "hello")
		stream.Start(sse.Plain(hello), feed, from, func(cause error) { fmt.Println("cause:", cause) })
	}

	// Shutdown: each stream sends a last event and ends.
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

func ExampleAppendEvent() {
	frame, err := sse.AppendEvent(nil, "k3v9-17", "delta", []byte("first line\nsecond line"))
	fmt.Printf("%q %v", frame, err)
	// Output:
	// "003d\r\nid: k3v9-17\nevent: delta\ndata: first line\ndata: second line\n\n\r\n" <nil>
}

// A long poll waits for the next event and reads it from the feed.
func ExampleFeed_Wait() {
	feed := sse.NewFeed(sse.FeedConfig{StartSeq: 41})
	go func() {
		frame, _ := sse.AppendEvent(nil, "42", "", []byte("news"))
		_ = feed.Append(42, frame)
		feed.Wake()
	}()
	if err := feed.Wait(context.Background(), 41); err != nil {
		panic(err) // the feed was closed
	}
	frames, last, ok := feed.Run(41, math.MaxInt64)
	for data := range sse.Payloads(frames) {
		fmt.Printf("%s %d %v\n", data, last, ok)
	}
	// Output: news 42 true
}

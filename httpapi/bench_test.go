package httpapi

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/pace"
)

// BenchmarkPost measures a request with one batch over TCP, with a store in memory. The timeouts are those of the server, and
// the client allocates nothing, so the allocations are the server's. Requests of several connections share commits.
func BenchmarkPost(b *testing.B) {
	for _, connections := range []int{1, 32} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			a := newAudience(b, feed.Config{})
			listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			server := &http.Server{Handler: a.server, ReadHeaderTimeout: pace.Patience, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
			go func() { _ = server.Serve(pace.Listen(listener)) }()
			b.Cleanup(func() { _ = server.Close() })
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for i := range connections {
				all.Go(func() { postTimes(b, listener.Addr(), i, b.N/connections+1) })
			}
			all.Wait()
		})
	}
}

// postTimes posts batches on one connection, and compares the end of each answer.
func postTimes(b *testing.B, server net.Addr, client, times int) {
	conn, err := new(net.Dialer).DialContext(b.Context(), server.Network(), server.String())
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	body := fmt.Sprintf(`{"clientId":"c%d","key":"default","ops":[{"op":"set","path":"title.of%d","value":"Buy milk"}]}`, client, client)
	request := fmt.Appendf(nil, "POST /v1/rooms/r/ops HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	want, answer := []byte(`"results":[{"status":"applied"}]}`), make([]byte, 4<<10)
	for range times {
		if _, err := conn.Write(request); err != nil {
			b.Error(err)
			return
		}
		n, err := conn.Read(answer) // an answer is one write
		if err != nil || !bytes.HasSuffix(answer[:n], want) {
			b.Errorf("%v: %s", err, answer[:n])
			return
		}
	}
}

// BenchmarkCommitted measures framing a thousand batches of one room and appending them to its feed.
func BenchmarkCommitted(b *testing.B) {
	a := newAudience(b, feed.Config{})
	batches := make([]*core.Batch, 1000)
	for i := range batches {
		batches[i] = setBatch(0, `"Buy milk, bread and two dozen eggs"`)
	}
	seq := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for _, batch := range batches {
			seq++
			batch.ServerSeq = seq
		}
		a.feed.Committed(batches)
	}
}

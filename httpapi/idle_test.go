package httpapi_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
)

// The heap that a stream keeps is half of its memory. The measurement includes the client's end.
func TestIdleStreamKeepsLittleOfItsRequest(t *testing.T) {
	const streams = 500
	s := start(t)
	open := func(query string) {
		conn := s.raw(t, "GET /v1/rooms/board/events"+query+" HTTP/1.1\r\nHost: pathsync.test\r\n\r\n")
		for buf, n := make([]byte, 64<<10), 0; !bytes.Contains(buf[:n], []byte("up-to-date")); {
			m, err := conn.Read(buf[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // frees what pools have kept
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, c := range []struct {
		query string
		most  uint64 // bytes
	}{{"", 1600}, {"?clientId=c%d", 2500}} {
		open("")
		before := heap()
		for i := range streams {
			query := c.query
			if query != "" {
				query = fmt.Sprintf(query, i)
			}
			open(query)
		}
		each := (heap() - before) / streams
		t.Logf("%q: %d bytes for each stream", c.query, each)
		if each > c.most {
			t.Errorf("%q: a stream keeps %d bytes", c.query, each)
		}
	}
}

package client

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Bytes count as progress when the system accepts them. After the last one, the answer has to begin within Patience, even
// if a slow link still transmits the buffer.
func TestSystemBuffersLittleOfRequest(t *testing.T) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10) })
	}}
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0") // the system accepts, and nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	const size = 16 << 20
	body := new(countedBody)
	body.left.Store(size)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+listener.Addr().String(), body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := newClient(t, Config{Server: "http://server"}).http.Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatal("there is an answer")
	}
	if sent := size - body.left.Load(); sent > 256<<10 {
		t.Errorf("%d bytes were accepted", sent)
	}
}

type countedBody struct{ left atomic.Int64 }

func (b *countedBody) Read(p []byte) (int, error) {
	n := min(int64(len(p)), b.left.Load())
	if b.left.Add(-n); n == 0 {
		return 0, io.EOF
	}
	return int(n), nil
}

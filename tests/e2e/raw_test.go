package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawConn is a TCP connection on which a test writes and reads the bytes itself.
type rawConn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (s *server) dial() *rawConn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		s.t.Fatal(err)
	}
	return &rawConn{s.t, conn, bufio.NewReader(conn)}
}

// say sends text.
func (c *rawConn) say(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

// readReply reads a response.
func (c *rawConn) readReply() reply {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

// stall opens a stream that is never read. query is as in a URL.
func (s *server) stall(room, query string) *rawConn {
	s.t.Helper()
	c := s.dial()
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		s.t.Fatal(err)
	}
	c.say("GET /v1/rooms/%s/events?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", room, query)
	return c
}

// beginPost sends the header of a batch with a body of that length, and returns when the server waits for the body.
func (s *server) beginPost(room string, length int) *rawConn {
	s.t.Helper()
	c := s.dial()
	c.say("POST /v1/rooms/%s/ops HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Expect: 100-continue\r\n\r\n", room, length)
	if line, err := c.in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		s.t.Fatalf("the server says %q, %v", line, err)
	}
	if _, err := c.in.Discard(len("\r\n")); err != nil {
		s.t.Fatal(err)
	}
	return c
}

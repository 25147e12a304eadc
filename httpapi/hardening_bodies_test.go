package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// bodyOf returns a valid batch of a size in bytes.
func bodyOf(bytes int) string {
	const head, tail = `{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":"`, `"}]}`
	return head + strings.Repeat("x", bytes-len(head)-len(tail)) + tail
}

const bodyLimit = 1 << 20

func TestBodyAtTheLimitIsAccepted(t *testing.T) {
	s := start(t)
	s.post("/v1/rooms/r/ops", bodyOf(bodyLimit)).is(200)
}

func TestContentLengthOneByteOverTheLimitIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		s.post("/v1/rooms/target/ops", bodyOf(bodyLimit+1)).problem(413, problem.BodyTooLarge)
	})
}

func TestChunkedBodyOneByteOverTheLimitIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		chunked := io.MultiReader(strings.NewReader(bodyOf(bodyLimit + 1)))
		s.send(http.MethodPost, "/v1/rooms/target/ops", chunked).problem(413, problem.BodyTooLarge)
	})
}

func TestEndlessBodyIsCutAtTheLimit(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		flat(t, 16<<20, func() {
			body := io.MultiReader(strings.NewReader(`{"clientId":"`), endless{})
			resp, err := s.http.Do(s.request(t.Context(), http.MethodPost, "/v1/rooms/target/ops", body, nil))
			if err != nil {
				return // the server need not listen to the end before it closes
			}
			read(t, "an endless body", resp).problem(413, problem.BodyTooLarge)
		})
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A Content-Length alone takes no memory, also while the server waits for the body.
func TestContentLengthWithoutBodyTakesNoMemory(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		flat(t, 8<<20, func() {
			for range 100 {
				conn := s.raw(t, fmt.Sprintf("POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"+
					"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", bodyLimit))
				defer conn.Close()
				if line, err := bufio.NewReaderSize(conn, 64).ReadString('\n'); !strings.Contains(line, "100 Continue") {
					t.Fatalf("%q, %v", line, err)
				}
			}
		})
	})
}

func TestGzipBombIsRefusedUnread(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 32 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	s := start(t)
	s.harmless(t, func() {
		flat(t, 4<<20, func() {
			for _, encoding := range []string{"gzip", "GZIP", "br", "deflate", "gzip, gzip", "x"} {
				s.post("/v1/rooms/target/ops", bomb.String(), "Content-Encoding", encoding).problem(415, problem.UnsupportedMediaType)
				s.send(http.MethodPut, "/v1/rooms/target/presence/ada", bytes.NewReader(bomb.Bytes()), "Content-Encoding", encoding).
					problem(415, problem.UnsupportedMediaType)
			}
			s.post("/v1/rooms/target/ops", bomb.String()).problem(400, problem.InvalidJSON) // and it is not unpacked uninvited
		})
	})
}

func TestBodyWithoutJSONContentTypeIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, kind := range []string{"", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
			"application/json-patch+json", "application/json; charset=utf-16", "application/json; charset=latin1",
			"application/json, text/plain", ";", "*/*", "application/jsonx", strings.Repeat("x", 8<<10)} {
			s.post("/v1/rooms/target/ops", bodyOf(200), "Content-Type", kind).problem(415, problem.UnsupportedMediaType)
			s.send(http.MethodPut, "/v1/rooms/target/presence/ada", strings.NewReader(`{}`), "Content-Type", kind).
				problem(415, problem.UnsupportedMediaType)
		}
	})
}

// A client that sends one byte a second gets a 408, and its connection is closed, whether a handler reads the body
// or not.
func TestTricklingBodyIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		head   string
		status int
		code   problem.Code
	}{
		"announced":        {"POST /v1/rooms/target/ops HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n", 408, problem.RequestTimeout},
		"in chunks":        {"POST /v1/rooms/target/ops HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n", 408, problem.RequestTimeout},
		"presence":         {"PUT /v1/rooms/target/presence/ada HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n", 408, problem.RequestTimeout},
		"of another type":  {"POST /v1/rooms/target/ops HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n", 415, problem.UnsupportedMediaType},
		"too large":        {"PUT /v1/rooms/target/presence/ada HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n", 413, problem.BodyTooLarge},
		"to nowhere":       {"POST /nowhere HTTP/1.1\r\nContent-Length: 1000\r\n", 404, problem.RouteNotFound},
		"of no meaning":    {"POST /v1/rooms/target/presence/ada/leave HTTP/1.1\r\nContent-Length: 1000\r\n", 204, ""},
		"of no meaning, 2": {"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				s.harmless(t, func() {
					began := time.Now()
					conn := s.raw(t, c.head+"Host: x\r\n\r\n")
					answered := make(chan answer, 1)
					go func() {
						resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
						if err != nil {
							t.Error(err)
						} else {
							answered <- read(t, c.head, resp)
						}
						close(answered)
					}()
					sent := trickle(conn, strings.Contains(c.head, "chunked"))
					a, ok := <-answered
					if !ok {
						t.Fatalf("no response, but %d bytes were accepted", sent)
					}
					if a.is(c.status); c.code != "" {
						a.problem(c.status, c.code)
					}
					if took := time.Since(began); sent > 15 || took > 20*time.Second {
						t.Errorf("the connection took %d bytes and was open for %v", sent, took)
					}
				})
			})
		})
	}
}

// trickle sends a space each second until the connection is closed, and returns their number.
func trickle(conn net.Conn, chunked bool) (sent int) {
	piece := " "
	if chunked {
		piece = "1\r\n \r\n"
	}
	for ; sent < 200; sent++ {
		if _, err := io.WriteString(conn, piece); err != nil {
			return sent
		}
		time.Sleep(time.Second)
	}
	return sent
}

// slowAuth needs most of the time that a body may be silent.
type slowAuth struct{}

func (slowAuth) Authenticate(context.Context, string) (access.Identity, error) {
	time.Sleep(9 * time.Second)
	return access.Unrestricted(), nil
}

func TestTimeOfTheServerDoesNotCutOffABody(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.token = "token"
		batch := bodyOf(500)
		conn := s.raw(t, fmt.Sprintf("POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
			"Content-Length: %d\r\n\r\n", len(batch)))
		time.Sleep(18 * time.Second)
		go io.WriteString(conn, batch)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		read(t, "a body 9 s after the authentication", resp).is(200)
	}, func(p *parts) { p.api.Auth = slowAuth{} })
}

func TestIncompleteBodyChangesNothing(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		batch := bodyOf(500)
		for _, part := range []int{0, 1, 250, 499} {
			conn := s.raw(t, fmt.Sprintf("POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
				"Content-Length: %d\r\n\r\n%s", len(batch), batch[:part]))
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			read(t, fmt.Sprintf("%d bytes of %d", part, len(batch)), resp).problem(400, problem.InvalidJSON)
		}
		conn := s.raw(t, "POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
			"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		read(t, "a chunk of 2^68 bytes", resp).problem(400, problem.InvalidJSON)
	})
}

// net/http refuses requests that could be read as two requests (request smuggling).
func TestRequestWithTwoContentLengthsIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, fields := range []string{
			"Content-Length: 5\r\nContent-Length: 6\r\n",
			"Content-Length: -1\r\n",
			"Content-Length: +5\r\n",
			"Transfer-Encoding: gzip, chunked\r\n",
			"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		} {
			conn := s.raw(t, "POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+fields+"\r\n{}")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotImplemented {
				t.Errorf("%q: %s", fields, resp.Status)
			}
		}
	})
}

package httpapi_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/pace"
)

// The tests of this file have slow links. In a bubble, connections have no buffers: what the client does not read is not
// written, and the clock advances only while all goroutines wait.

// links are the kinds of connections of slowly.
var links = []string{"HTTP/1.1", "TLS", "HTTP/2"}

// onEachLink runs a test with a server that is configured as by the program.
func onEachLink(t *testing.T, test func(t *testing.T, s *server, link string)) {
	for _, link := range links {
		t.Run(link, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) { test(t, s, link) }, asServed, func(p *parts) {
				p.api.MaxBodyBytes = 8 << 20
				p.http.HTTP2 = &http.HTTP2Config{WriteByteTimeout: pace.Patience}
				p.http.Protocols = new(http.Protocols)
				p.http.Protocols.SetHTTP1(true)
				p.http.Protocols.SetUnencryptedHTTP2(true)
				if link == "TLS" {
					p.tls = selfSigned(t)
				}
			})
		})
	}
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(1000 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// rate is the rate of a link: a number of bytes, and a pause after them.
type rate struct {
	bytes int
	pause time.Duration
}

// slow reads at a rate.
type slow struct {
	io.Reader
	rate rate
}

func (s slow) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p[:min(len(p), s.rate.bytes)])
	time.Sleep(s.rate.pause * time.Duration(n) / time.Duration(s.rate.bytes))
	return n, err
}

// slowConn is a connection that is read at a rate.
type slowConn struct {
	net.Conn
	from slow
}

func (c *slowConn) Read(p []byte) (int, error) { return c.from.Read(p) }

// slowly returns a client that reads at a rate.
func (s *server) slowly(t *testing.T, link string, down rate) client {
	t.Helper()
	dial := func(ctx context.Context) (net.Conn, error) {
		conn, err := s.dial(ctx)
		return &slowConn{conn, slow{conn, down}}, err
	}
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true,
	}
	if link == "HTTP/2" {
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		time.Sleep(time.Minute) // in the bubble: its goroutines end
	})
	c := s.client
	c.t, c.http = t, &http.Client{Transport: transport}
	if s.token != "" {
		c = c.with(s.token)
	}
	return c
}

// large writes a state of 4 MB into a room.
func (s *server) large(room string) {
	for i := range 5 {
		s.set(room, fmt.Sprintf("part%d", i), `"`+strings.Repeat("x", 820_000)+`"`)
	}
}

func TestReaderAt100KBPerSecondGetsAStateOf4MB(t *testing.T) {
	onEachLink(t, func(t *testing.T, s *server, link string) {
		s.large("large")
		c := s.slowly(t, link, rate{10_000, 100 * time.Millisecond})
		began := time.Now()
		if a := c.get("/v1/rooms/large").is(200); len(a.body) < 4_100_000 {
			t.Errorf("%d bytes came", len(a.body))
		}
		if took := time.Since(began); took < 40*time.Second {
			t.Fatalf("the link is not slow: it took %v", took)
		}
		if a := c.get("/v1/rooms/large/changes?limit=1000").is(200); len(a.body) < 800_000 {
			t.Errorf("%d bytes of changes came", len(a.body))
		}
		c.get("/openapi.yaml").is(200)
		r := c.open("/v1/rooms/large/events")
		for e := r.next(); e.name != "up-to-date"; e = r.next() {
			if e.name == "state" && len(e.data) < 4_100_000 {
				t.Errorf("a state of %d bytes came", len(e.data))
			}
		}
		r.close()
		for range r.frames { // until its goroutine has ended
		}
	})
}

// sendSlowly sends a body of 900 kB at a rate, and expects it to be accepted.
func (c client) sendSlowly(method, path, body string, up rate) (took time.Duration) {
	c.t.Helper()
	began := time.Now()
	c.send(method, path, slow{strings.NewReader(body), up}).is(200)
	return time.Since(began)
}

var largeBatch = `{"clientId":"ada","key":"k","ops":[{"op":"set","path":"x","value":"` + strings.Repeat("x", 900_000) + `"}]}`

func TestBodyAt80KBPerSecondIsAccepted(t *testing.T) {
	onEachLink(t, func(t *testing.T, s *server, link string) {
		c := s.slowly(t, link, rate{1 << 20, 0})
		up := rate{8_000, 100 * time.Millisecond}
		if took := c.sendSlowly(http.MethodPost, "/v1/rooms/large/ops", largeBatch, up); took < 11*time.Second {
			t.Fatalf("the link is not slow: it took %v", took)
		}
		c.sendSlowly(http.MethodPost, "/v1/probe/x", largeBatch, up)
		c.sendSlowly(http.MethodPut, "/v1/rooms/large/presence/ada", `{"field":"x"}`+strings.Repeat(" ", 15_000), rate{1_100, time.Second})
	})
}

// At 4 KiB per second, a body of 900 kB takes longer than the timeouts of http.Server.
func TestBodyAboveTheMinimumRateIsAccepted(t *testing.T) {
	onEachLink(t, func(t *testing.T, s *server, link string) {
		c := s.slowly(t, link, rate{1 << 20, 0})
		if took := c.sendSlowly(http.MethodPost, "/v1/rooms/large/ops", largeBatch, rate{2 << 10, 500 * time.Millisecond}); took < 3*time.Minute {
			t.Fatalf("the link is not slow: it took %v", took)
		}
	})
}

func TestReaderBelowTheMinimumRateIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.large("target")
		s.harmless(t, func() {
			for _, path := range []string{"/v1/rooms/target", "/v1/rooms/target/events", "/v1/rooms/target/changes?limit=1000", "/openapi.yaml"} {
				for _, takes := range []int{0, 1} {
					conn := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
					if _, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil {
						t.Fatal(err)
					}
					seconds := 0
					for ; seconds < 60; seconds++ {
						time.Sleep(time.Second)
						if _, err := conn.Read(make([]byte, takes)); err != nil {
							break
						}
						if takes == 0 && seconds == 12 {
							if n, _ := io.Copy(io.Discard, conn); n > pace.Piece {
								t.Errorf("%s: %d bytes were kept for a reader that takes none", path, n)
							}
							break
						}
					}
					if seconds > 13 {
						t.Errorf("%s: a reader of %d bytes a second is kept for %d s", path, takes, seconds)
					}
				}
			}
		})
	}, asServed)
}

func TestBodyThatBecomesSlowIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			conn := s.raw(t, "POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n")
			io.WriteString(conn, strings.Repeat(" ", 800_000))
			began := time.Now()
			answered := make(chan answer, 1)
			go func() {
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Error(err)
				}
				answered <- read(t, "a trickle", resp)
			}()
			trickle(conn, false)
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it is cut after %v", took)
			}
			a := <-answered
			a.problem(408, problem.RequestTimeout)
		})
	}, asServed)
}

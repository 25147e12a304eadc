package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// asServed sets the limits of http.Server that a public server needs.
func asServed(p *parts) {
	p.http.ReadHeaderTimeout = 10 * time.Second
	p.http.WriteTimeout = 2 * time.Minute
	p.http.IdleTimeout = 2 * time.Minute
	p.http.MaxHeaderBytes = 64 << 10
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			began := time.Now()
			conn := s.raw(t, "GET /v1/rooms/target HTTP/1.1\r\nHost: x\r\nX-Slow: ")
			go io.Copy(io.Discard, conn)
			if sent := trickle(conn, false); sent > 11 || time.Since(began) > 11*time.Second {
				t.Errorf("the connection took %d bytes and was open for %v", sent, time.Since(began))
			}
		})
	}, asServed)
}

func TestSilentConnectionIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			for request, limit := range map[string]time.Duration{
				"": 10 * time.Second,
				"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n": 2 * time.Minute,
			} {
				conn := s.connect(t)
				began := time.Now()
				go io.WriteString(conn, request)
				if _, err := io.ReadAll(conn); err != nil {
					t.Error(err)
				}
				if open := time.Since(began); open > limit {
					t.Errorf("after %q it was open for %v", request, open)
				}
			}
		})
	}, asServed)
}

func TestEndlessHeaderIsRefused(t *testing.T) {
	s := start(t, asServed)
	s.harmless(t, func() {
		flat(t, 16<<20, func() {
			for _, field := range []string{"X-Large: " + strings.Repeat("x", 80<<10), strings.Repeat("X: y\r\n", 20_000) + "X: y"} {
				conn := s.connect(t)
				go io.WriteString(conn, "GET /v1/rooms/target HTTP/1.1\r\nHost: x\r\n"+field+"\r\n\r\n")
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("%s", resp.Status)
				}
			}
		})
	})
}

// A URL may be as long as the header. It is refused because of the length of the name, and the response does not repeat it.
func TestVeryLongURLIsRefused(t *testing.T) {
	s := start(t, asServed)
	s.harmless(t, func() {
		name := strings.Repeat("x", 60_000)
		for _, path := range []string{"/v1/rooms/" + name, "/v1/rooms/target/stores/" + name, "/v1/rooms/target/events?clientId=" + name} {
			a := s.get(path)
			if a.problem(422, problem.InvalidName); len(a.body) > 1000 {
				t.Errorf("the problem has %d bytes", len(a.body))
			}
		}
		s.get("/"+name).problem(404, problem.RouteNotFound)
		s.get("/v1/rooms/target"+strings.Repeat("/", 60_000)).problem(404, problem.RouteNotFound)
	})
}

const openStream = "GET /v1/rooms/target/events?clientId=mallory HTTP/1.1\r\nHost: x\r\n\r\n"

// In a bubble a connection has no buffers, so a reader that does not read has not received the header either.
func TestReaderThatNeverReadsIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			conn := s.raw(t, openStream)
			time.Sleep(11 * time.Second)
			if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("after 11 s there are still %d bytes for it, %v", n, err)
			}
			time.Sleep(16 * time.Second)
			s.get("/v1/rooms/target/presence").says(`{"room":"target","users":[]}`)
		})
	})
}

func TestReaderOfOneBytePerSecondIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			conn := s.raw(t, openStream)
			began := time.Now()
			for {
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			if open := time.Since(began); open > time.Minute {
				t.Errorf("it was read for %v", open)
			}
		})
	})
}

func TestReaderThatKeepsSendingIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			conn := s.raw(t, openStream)
			go io.Copy(io.Discard, conn)
			sent, err := conn.Write([]byte(strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 10_000)))
			if err == nil || sent > 8<<10 {
				t.Errorf("%d bytes were accepted, %v", sent, err)
			}
		})
	})
}

func TestClientHasOneStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.harmless(t, func() {
			const streams = 200
			ended := make(chan string, streams)
			for range streams {
				conn := s.connect(t)
				go func() {
					io.WriteString(conn, openStream)
					text, _ := io.ReadAll(conn)
					ended <- string(text)
				}()
			}
			for range streams - 1 {
				if text := <-ended; !strings.Contains(text, string(problem.StreamReplaced)) {
					t.Errorf("a stream ended with %.200q", text[max(0, len(text)-200):])
				}
			}
			time.Sleep(time.Hour) // the remaining stream keeps the client present
			s.get("/v1/rooms/target/presence").says(`{"room":"target","users":[{"clientId":"mallory","joinedAt":` + midnight + `}]}`)
			if len(ended) > 0 {
				t.Error("no stream is left")
			}
		})
	})
}

func TestThousandsOfShortConnectionsLeaveNoGoroutines(t *testing.T) {
	s := start(t)
	requests := []string{
		"",
		"GET /v1/rooms/target",
		openStream,
		"GET /v1/rooms/target/events HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/rooms/target/changes?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/rooms/target HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/rooms/target/ops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
	}
	s.harmless(t, func() {
		goroutines, files := runtime.NumGoroutine(), openFiles(t)
		flat(t, 512<<20, func() {
			var attackers sync.WaitGroup
			for a := range 4 {
				attackers.Go(func() {
					for i := range 1000 {
						conn, err := s.dial(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						io.WriteString(conn, requests[(a+i)%len(requests)])
						if i%2 == 0 {
							conn.(*net.TCPConn).SetLinger(0) // a reset instead of an end
						}
						conn.Close()
					}
				})
			}
			attackers.Wait()
			eventually(t, "goroutines and files are as many as before", func() bool {
				return runtime.NumGoroutine() <= goroutines+2 && openFiles(t) <= files+2
			})
		})
	})
}

// openFiles counts the file descriptors of this process, on systems with /proc.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A snapshot has the timeout of all responses.
func TestUnreadSnapshotIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.set("large", "x", `"`+strings.Repeat("x", 100<<10)+`"`)
		s.harmless(t, func() {
			for _, path := range []string{"/v1/rooms/large", "/v1/rooms/large/stores/default", "/v1/rooms/large/changes"} {
				conn := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
				time.Sleep(2*time.Minute + time.Second)
				if n, err := io.Copy(io.Discard, conn); n > 8<<10 || err != nil {
					t.Errorf("%s: after two minutes there are still %d bytes for it, %v", path, n, err)
				}
			}
		})
	}, asServed)
}

// The timeouts of responses do not apply to streams.
func TestStreamOutlivesTheWriteTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		time.Sleep(time.Hour)
		s.set("r", "x", "1")
		if e := r.next(); e.id != "history1-1" {
			t.Errorf("got %v", e)
		}
	}, asServed)
}

// A stalled reader has its own queue and its own deadline, and delays no other reader.
func TestStalledReaderDoesNotDelayOthers(t *testing.T) {
	const readers, batches = 200, 64
	s := start(t, func(p *parts) {
		p.feeds.WriteTimeout = 5 * time.Minute // far longer than this test may take
		p.feeds.MaxBytes = 64 << 10
		p.http.ConnState = func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				c.(*net.TCPConn).SetWriteBuffer(4 << 10) // so that a stall shows soon
			}
		}
	})
	stalled := s.connect(t)
	stalled.(*net.TCPConn).SetReadBuffer(4 << 10)
	io.WriteString(stalled, openStream)
	eventually(t, "the stalled reader is there", func() bool {
		return strings.Contains(s.get("/v1/rooms/target/presence").body, "mallory")
	})
	open := make([]*reader, readers-1)
	for i := range open {
		open[i] = s.open("/v1/rooms/target/events").live()
	}
	began := time.Now()
	for i := range batches {
		s.set("target", "x", fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", 4<<10)))
		for _, r := range open { // each has this one before the next is sent
			for e := r.next(); e.id != fmt.Sprintf("history1-%d", i+1); e = r.next() {
				if e.name == "delta" {
					t.Fatalf("batch %d came instead of %d", i, i+1)
				}
			}
		}
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("it took %v", took)
	}
}

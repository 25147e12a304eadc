package sse

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Some of 200 readers read nothing, or one byte in each round, while the others read eight times as much as the feed holds.
func TestSlowReadersDoNotDelayOthers(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"polled": overHTTP1, "with goroutines": overOpaque} {
		for _, slow := range []struct {
			kind     string
			n        int
			perRound int // bytes
		}{{"stalled", 1, 0}, {"stalled", 50, 0}, {"slow", 1, 1}} {
			t.Run(fmt.Sprintf("%s, %d of 200 %s", name, slow.n, slow.kind), func(t *testing.T) {
				testSlowReaders(t, start, slow.n, slow.perRound)
			})
		}
	}
}

func testSlowReaders(t *testing.T, start func(*httptest.Server), slow, bytesPerRound int) {
	const rounds, perRound, size = 32, 16, 1000
	healthy := 200 - slow
	s := serve(t, func(server *httptest.Server) {
		server.Listener = smallBuffers{server.Listener}
		start(server)
	}, FeedConfig{MaxBytes: 64 << 10, MaxDelay: time.Millisecond})
	s.group.WriteTimeout = time.Hour // longer than the test
	s.prelude = nil

	var slowConns []net.Conn
	for range slow {
		conn := dial(t, s)
		if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		<-s.returned
		slowConns = append(slowConns, conn)
	}

	var round sync.WaitGroup // healthy readers that have not received the whole round
	var readers sync.WaitGroup
	for range healthy {
		conn := dial(t, s)
		<-s.returned
		readers.Go(func() {
			ids := eventIDs(conn)
			for seq := range int64(rounds * perRound) {
				if id, err := ids(); id != seq+1 {
					t.Errorf("a healthy reader got %d instead of %d, error %v", id, seq+1, err)
					_ = conn.Close()
				}
				if (seq+1)%perRound == 0 {
					round.Done()
				}
			}
		})
	}

	var early uint64
	received := make([][]byte, slow)
	for r := range rounds {
		round.Add(healthy)
		for i := range perRound {
			seq := int64(r*perRound + i + 1)
			mustAppend(t, s.feed, seq, event(t, seq, size))
			s.feed.Wake()
		}
		round.Wait()
		for i, conn := range slowConns {
			buf := make([]byte, bytesPerRound)
			if _, err := io.ReadFull(conn, buf); err != nil {
				t.Fatal(err)
			}
			received[i] = append(received[i], buf...)
		}
		if r == rounds/2 { // the feed is full and has dropped the segments of the slow readers
			early = heap()
		}
	}
	readers.Wait()
	if late := heap(); late > early+256<<10 {
		t.Errorf("memory grew from %d to %d bytes", early, late)
	}

	// The slow readers continue: they read events without a gap, and then their streams end.
	for i, conn := range slowConns {
		readers.Go(func() {
			ids := eventIDs(io.MultiReader(bytes.NewReader(received[i]), conn))
			last := int64(0)
			for id, err := ids(); err == nil; id, err = ids() {
				if id != last+1 {
					t.Errorf("a slow reader got %d after %d", id, last)
				}
				last = id
			}
			if last == 0 || last == rounds*perRound {
				t.Errorf("a slow reader got %d of %d events", last, rounds*perRound)
			}
		})
	}
	readers.Wait()
	for range slowConns {
		s.expectCause(t, ErrLagged)
	}
	equal(t, len(s.ended), 0) // no other stream ended
}

// smallBuffers limits the send buffers of a server's connections.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return conn, err
}

// dialStream requests a stream, over TLS if the service has it, and reads nothing.
func dialStream(t testing.TB, s *service) net.Conn {
	t.Helper()
	if s.TLS == nil {
		return dial(t, s)
	}
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request(t, s, conn)
	return conn
}

// dial requests a stream and reads nothing.
func dial(t testing.TB, s *service) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request(t, s, conn)
	return conn
}

func request(t testing.TB, s *service, conn net.Conn) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", s.Listener.Addr()); err != nil {
		t.Fatal(err)
	}
}

// eventIDs returns a function that reads the next id of a stream. It is faster than eventReader.
func eventIDs(r io.Reader) func() (int64, error) {
	in := bufio.NewReader(r)
	return func() (int64, error) {
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return 0, err
			}
			if id, ok := strings.CutPrefix(string(line), "id: "); ok {
				return strconv.ParseInt(strings.TrimSpace(id), 10, 64)
			}
		}
	}
}

// heap returns the memory in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func TestDeliveryDoesNotAllocate(t *testing.T) {
	s := serve(t, overHTTP1, FeedConfig{})
	s.prelude = nil
	conn := dial(t, s)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	buf := make([]byte, 100)
	frame := event(t, 1, 50)
	seq := int64(0)
	allocs := testing.AllocsPerRun(2000, func() {
		seq++
		_ = s.feed.Append(seq, frame)
		s.feed.Wake()
		if _, err := io.ReadFull(conn, buf[:len(frame)]); err != nil {
			t.Fatal(err)
		}
	})
	equal(t, allocs, 0)
}

func TestIdleStreamNeedsLessThan1500Bytes(t *testing.T) {
	const streams = 500
	s := serve(t, overHTTP1, FeedConfig{})
	dial(t, s)
	<-s.returned
	before := heap()
	var conns []net.Conn
	for range streams {
		conns = append(conns, dial(t, s))
		<-s.returned
	}
	publish(t, s.feed, "x")
	buf := make([]byte, 1024)
	for _, conn := range conns { // all streams have sent something
		for n := 0; !bytes.HasSuffix(buf[:n], []byte(text("x"))); {
			m, err := conn.Read(buf[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
	}
	each := (heap() - before) / streams
	t.Logf("%d bytes for each stream, including the client's end", each)
	if each > 1500 {
		t.Errorf("a stream needs %d bytes", each)
	}
}

// The connection reports how many bytes of a write were sent, so the write continues.
func TestReaderAt100KBPerSecondGetsPreludeOf4MB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Group{WriteTimeout: 10 * time.Second}
		f := NewFeed(FeedConfig{})
		p := open(t, &g)
		p.stream.resumable = true
		large := strings.Repeat("x", 4<<20)
		p.start(f, f.End(), text(large))
		began, taken, buf := time.Now(), 0, make([]byte, 10_000)
		for taken < len(large) {
			n, err := p.Conn.Read(buf)
			if err != nil {
				t.Fatalf("after %v and %d bytes: %v", time.Since(began), taken, err)
			}
			taken += n
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took < 40*time.Second {
			t.Errorf("the reader was not slow: it took %v", took)
		}
		p.Close()
		p.expectCause(t, ErrGone)
	})
}

func TestOnlyReaderBelowMinRateIsCut(t *testing.T) {
	for _, resumable := range []bool{true, false} {
		for perSecond, kept := range map[int]bool{pace.MinRate * 11 / 10: true, pace.MinRate / 2: false, 1: false} {
			synctest.Test(t, func(t *testing.T) {
				var g Group
				f := NewFeed(FeedConfig{})
				p := open(t, &g)
				p.stream.resumable = resumable
				p.start(f, f.End(), text(strings.Repeat("x", 1<<20)))
				began, buf := time.Now(), make([]byte, perSecond)
				for time.Since(began) < 5*time.Minute {
					if _, err := io.ReadFull(p.Conn, buf); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
				if open := time.Since(began); kept != (open >= 5*time.Minute) || !kept && open > 30*time.Second {
					t.Errorf("resumable %v, %d bytes a second: the stream is cut after %v", resumable, perSecond, open)
				}
				p.Close()
				<-p.ended
			})
		}
	}
}

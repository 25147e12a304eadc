package e2e

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test opens and closes thousands of streams in different ways. Afterwards the server has as many goroutines and file
// descriptors and as much memory as before.
func TestClosedStreamsReleaseTheirResources(t *testing.T) {
	t.Parallel()
	streams := setting(t, "PATHSYNC_SOAK_STREAMS", 1500)
	s, admin := startWithAdmin(t, "--room-idle-ms", "200", "--presence-timeout-ms", "200", "--heartbeat-ms", "1000",
		"--feed-bytes", "65536")
	s.openAndCloseStreams(t, 200) // one-time allocations
	before := admin.footprint(t)
	s.openAndCloseStreams(t, streams)

	const (
		slack = 8 << 20 // bytes of memory; each leaked stream would cost 8 KiB
		spare = 16      // files; the concurrent readers may open additional database connections
	)
	var after footprint
	eventually(t, func() error {
		after = admin.footprint(t)
		if after.streams != 0 || after.rooms != 0 || after.goroutines > before.goroutines ||
			after.files > before.files+spare || after.heap > before.heap+slack {
			return fmt.Errorf("before: %+v, after %d streams: %+v", before, streams, after)
		}
		return nil
	})
	if n := admin.metric("pathsync_streams_started_total"); n < float64(streams)/2 {
		t.Errorf("%v streams were there, of %d", n, streams)
	}
	t.Logf("before: %+v, after %d streams: %+v", before, streams, after)
}

// footprint is the resource usage of a server.
type footprint struct {
	streams, rooms, goroutines, files float64
	heap                              float64 // bytes in use, without garbage
}

func (o *operator) footprint(t *testing.T) footprint {
	t.Helper()
	o.http.CloseIdleConnections() // they use file descriptors of the server too
	if r := o.get("/debug/pprof/heap?gc=1"); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return footprint{
		streams: o.metric("pathsync_streams"), rooms: o.metric("pathsync_rooms"), goroutines: o.metric("go_goroutines"),
		files: o.metric("process_open_fds"), heap: o.metric("go_memstats_heap_alloc_bytes"),
	}
}

// manners are the ways in which a reader opens and closes a stream.
var manners = []func(c net.Conn, request string) error{
	// Close after the first events.
	func(c net.Conn, request string) error {
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		buf, got := make([]byte, 4<<10), ""
		for !strings.Contains(got, "event: up-to-date") {
			n, err := c.Read(buf)
			if err != nil {
				return err
			}
			got += string(buf[:n])
		}
		return nil
	},
	// Close in the middle of the request.
	func(c net.Conn, request string) error {
		_, err := io.WriteString(c, request[:len(request)/2])
		return err
	},
	// Close immediately, without reading.
	func(c net.Conn, request string) error {
		_, err := io.WriteString(c, request)
		return err
	},
	// Reset the connection in the middle of an event.
	func(c net.Conn, request string) error {
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		if _, err := c.Read(make([]byte, 10)); err != nil {
			return err
		}
		return c.(*net.TCPConn).SetLinger(0)
	},
	// Send more bytes after the request, on which the server closes the connection.
	func(c net.Conn, request string) error {
		_, _ = io.WriteString(c, request+strings.Repeat("x", 16<<10)) // fails if the server has already closed the connection
		return nil
	},
}

// openAndCloseStreams opens and closes that many streams, and meanwhile writes to their rooms.
func (s *server) openAndCloseStreams(t *testing.T, streams int) {
	t.Helper()
	const atATime = 50
	var (
		coming sync.WaitGroup
		places = make(chan struct{}, atATime)
		failed = make(chan error, 1)
	)
	for i := range streams {
		places <- struct{}{}
		coming.Go(func() {
			defer func() { <-places }()
			if err := s.openAndClose(i); err != nil {
				select {
				case failed <- err:
				default: // only the first error is kept
				}
			}
		})
		if i%100 == 0 {
			s.set(fmt.Sprint("soak-", i%7), "big", `"`+strings.Repeat("x", 32<<10)+`"`)
		}
	}
	coming.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	s.http.CloseIdleConnections()
}

func (s *server) openAndClose(i int) error {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	request := fmt.Sprintf("GET /v1/rooms/soak-%d/events?clientId=c%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i%7, rand.N(500))
	err = manners[i%len(manners)](conn, request)
	if errors.Is(err, io.EOF) { // another stream of the same client has replaced it
		return nil
	}
	return err
}

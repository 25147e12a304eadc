package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// readers are the readers of one room, with their common counts.
type readers struct {
	size      int
	delivered atomic.Int64
	wrong     atomic.Int64 // events out of order, duplicated or missing
	frames    atomic.Int64 // events and comments
	presence  atomic.Int64 // events `presence` and `presence-change`
	bytes     atomic.Int64 // with the headers of the responses
	deltas    atomic.Int64 // bytes of the events `delta`

	mu     sync.Mutex
	events map[int64]*progress // by serverSeq
	full   []time.Duration     // for each event, from its POST until all readers had it
	timed  bool                // measure latencies
}

// progress is the delivery of one event.
type progress struct {
	received int
	latest   time.Duration
}

// reader reads one stream after the other with little CPU time, so that the load is not the bottleneck.
type reader struct {
	target *Target
	client string // "": anonymous
	conn   net.Conn
	seq    int64  // of the last event; -1: none
	id     []byte // of the last event
	list   []byte // version of the presence list
	ready  chan struct{}
	done   chan struct{}
	err    error // why done was closed; nil: the stream ended
}

func newReader(client string) *reader { return &reader{client: client, seq: -1} }

// open opens the stream of a new reader and returns when it is up to date.
func (a *readers) open(s *Target, room, client string) error {
	r := newReader(client)
	if err := a.dial(r, s, room); err != nil {
		return err
	}
	return r.await(20 * time.Second)
}

// dial opens a stream. It resumes after the last event of the reader, which must have been up to date.
func (a *readers) dial(r *reader, s *Target, room string) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	path := "/v1/rooms/" + room + "/events"
	if r.client != "" {
		path += "?clientId=" + r.client + "&presenceVersion=" + string(r.list)
	}
	request := s.request(http.MethodGet, path) + "Accept: text/event-stream\r\n"
	if r.seq >= 0 {
		request += "Last-Event-ID: " + string(r.id) + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	r.target, r.conn, r.ready, r.done, r.err = s, conn, make(chan struct{}), make(chan struct{}), nil
	s.Streams.Add(1)
	go a.follow(r)
	return nil
}

// await returns when the stream is up to date.
func (r *reader) await(timeout time.Duration) error {
	select {
	case <-r.ready:
		return nil
	case <-r.done:
		if r.err != nil {
			return fmt.Errorf("opening a stream: %w", r.err)
		}
		return errors.New("a stream ended before it was up to date")
	case <-time.After(timeout):
		return fmt.Errorf("a stream was not up to date after %v", timeout)
	}
}

// close closes the stream.
func (r *reader) close() {
	_ = r.conn.Close()
	<-r.done
}

const (
	firstBuffer = 4 << 10
	fullBuffer  = 32 << 10
)

// counted counts the bytes that are read from a connection.
type counted struct {
	net.Conn
	bytes *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// follow reads a stream to its end. Of an event that is larger than the buffer it takes the beginning.
func (a *readers) follow(r *reader) {
	defer close(r.done)
	defer r.target.Streams.Add(-1)
	var stream io.Reader = counted{r.conn, &a.bytes}
	if !r.target.Direct {
		resp, err := http.ReadResponse(bufio.NewReaderSize(stream, firstBuffer), nil)
		if err != nil {
			return
		}
		if resp.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, fullBuffer)) // what arrives of it is shown
			r.err = &RefusedError{resp.StatusCode, string(text)}
			return
		}
		stream = resp.Body
	}
	buf, held, skipping := make([]byte, firstBuffer), 0, false
	for {
		n, err := stream.Read(buf[held:])
		if err != nil {
			return
		}
		now := time.Now()
		rest := buf[:held+n]
		for {
			end := bytes.Index(rest, []byte("\n\n"))
			if end < 0 {
				break
			}
			if a.frames.Add(1); !skipping {
				a.take(r, unframed(rest[:end]), now)
			}
			rest, skipping = rest[end+2:], false
		}
		switch {
		case len(rest) < len(buf):
		case len(buf) < fullBuffer:
			buf = append(buf, make([]byte, len(buf))...)
		default:
			if !skipping {
				a.take(r, unframed(rest), now)
			}
			rest, skipping = rest[len(rest)-1:], true // the event may end between two reads
		}
		held = copy(buf, rest)
	}
}

// unframed returns an event without the framing of chunks before it, which is "\r\n", a size and "\r\n". Events have no CR. A
// standard reader of chunks needs several times the CPU, but a proxy may cut chunks elsewhere.
func unframed(event []byte) []byte {
	event = bytes.TrimPrefix(event, []byte("\r\n"))
	if end := bytes.IndexByte(event[:min(len(event), len("ffffffff\r"))], '\r'); end >= 0 {
		event = event[min(end+len("\r\n"), len(event)):]
	}
	return event
}

// take counts one event. Only `delta` and `up-to-date` have an id, which comes first. Only `presence` may be incomplete.
func (a *readers) take(r *reader, event []byte, now time.Time) {
	rest, ok := bytes.CutPrefix(event, []byte("id: "))
	if !ok {
		if bytes.HasPrefix(event, []byte("event: presence")) { // and `presence-change`
			a.presence.Add(1)
			_, version, _ := bytes.Cut(event, []byte(`"version":"`))
			version, _, _ = bytes.Cut(version, []byte(`"`))
			r.list = append(r.list[:0], version...)
		}
		return
	}
	line, rest, _ := bytes.Cut(rest, []byte("\n"))
	_, digits, _ := bytes.Cut(line, []byte("-"))
	seq := number(digits)
	r.id = append(r.id[:0], line...)
	if bytes.HasPrefix(rest, []byte("event: up-to-date")) {
		if r.seq >= 0 && seq != r.seq {
			a.wrong.Add(1)
		}
		r.seq = seq
		close(r.ready)
		return
	}
	a.deltas.Add(int64(len(event) + len("\n\n")))
	if r.seq >= 0 && seq != r.seq+1 {
		a.wrong.Add(1)
	}
	r.seq = seq
	r.target.Delivered.Add(1)
	defer a.delivered.Add(1) // last: the latencies are complete when the count is
	if !a.timed {
		return
	}
	_, value, _ := bytes.Cut(rest, []byte(`"value":`))
	latency := now.Sub(time.Unix(0, number(value)))
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.events[seq]
	if s == nil {
		s = new(progress)
		a.events[seq] = s
	}
	s.received++
	s.latest = max(s.latest, latency)
	if s.received == a.size {
		a.full = append(a.full, s.latest)
		delete(a.events, seq)
	}
}

// number parses the digits at the beginning of b.
func number(b []byte) int64 {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	v, _ := strconv.ParseInt(string(b[:n]), 10, 64)
	return v
}

func newReaders(size int, timed bool) *readers {
	return &readers{size: size, timed: timed, events: map[int64]*progress{}}
}

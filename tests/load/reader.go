package main

import (
	"bytes"
	"fmt"
	"net"
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

// reader reads one stream with little CPU time, so that the load is not the bottleneck.
type reader struct {
	conn net.Conn
	seq  int64 // of the last event
	done chan struct{}
}

// open opens a stream and returns when it is up to date.
func (a *readers) open(address, room, client string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	path := "/v1/rooms/" + room + "/events"
	if client != "" {
		path += "?clientId=" + client
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", path); err != nil {
		return err
	}
	r := &reader{conn: conn, seq: -1, done: make(chan struct{})}
	started := make(chan struct{})
	go a.follow(r, started)
	select {
	case <-started:
		return nil
	case <-r.done:
		return fmt.Errorf("the stream of %s ended before it was up to date", room)
	case <-time.After(20 * time.Second):
		return fmt.Errorf("the stream of %s was not up to date after 20 s", room)
	}
}

func (a *readers) follow(r *reader, started chan struct{}) {
	defer close(r.done)
	buf, held := make([]byte, 4<<10), 0
	for {
		n, err := r.conn.Read(buf[held:])
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
			a.take(r, rest[:end], now, started)
			rest = rest[end+2:]
		}
		held = copy(buf, rest)
		if n == len(buf)-held || held == len(buf) { // an event is larger than the buffer
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// take counts one event. Only `delta` and `up-to-date` have an id, which comes first.
func (a *readers) take(r *reader, event []byte, now time.Time, started chan struct{}) {
	rest, ok := bytes.CutPrefix(event, []byte("id: "))
	if !ok {
		return
	}
	line, rest, _ := bytes.Cut(rest, []byte("\n"))
	_, digits, _ := bytes.Cut(line, []byte("-"))
	seq := number(digits)
	if bytes.HasPrefix(rest, []byte("event: up-to-date")) {
		r.seq = seq
		select {
		case <-started:
		default:
			close(started)
		}
		return
	}
	if r.seq >= 0 && seq != r.seq+1 {
		a.wrong.Add(1)
	}
	r.seq = seq
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

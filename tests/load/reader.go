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

// audience is the readers of one room, and what they have seen together.
type audience struct {
	size      int
	delivered atomic.Int64
	wrong     atomic.Int64 // events out of order, doubled or missing

	mu     sync.Mutex
	events map[int64]*spread // by serverSeq
	full   []time.Duration   // for each event, from its POST to the last reader
	timed  bool              // measure latencies
}

// spread is how far an event has got.
type spread struct {
	readers int
	latest  time.Duration
}

// reader is one stream, read with as little work as possible: the load must not be the bottleneck.
type reader struct {
	conn net.Conn
	seq  int64 // of the last event
	done chan struct{}
}

// join opens a stream and returns when the server has sent all that was missing.
func (a *audience) join(address, room, client string) error {
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
		return fmt.Errorf("the stream of %s ended at once", room)
	case <-time.After(20 * time.Second):
		return fmt.Errorf("the stream of %s did not start", room)
	}
}

func (a *audience) follow(r *reader, started chan struct{}) {
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
		if n == len(buf)-held || held == len(buf) { // there was more than the buffer takes
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// take counts one event. Only `delta` and `up-to-date` have an id, which comes first.
func (a *audience) take(r *reader, event []byte, now time.Time, started chan struct{}) {
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
	defer a.delivered.Add(1) // whoever knows that all came may look at how long they took
	if !a.timed {
		return
	}
	_, value, _ := bytes.Cut(rest, []byte(`"value":`))
	latency := now.Sub(time.Unix(0, number(value)))
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.events[seq]
	if s == nil {
		s = new(spread)
		a.events[seq] = s
	}
	s.readers++
	s.latest = max(s.latest, latency)
	if s.readers == a.size {
		a.full = append(a.full, s.latest)
		delete(a.events, seq)
	}
}

// number reads the digits at the beginning of b.
func number(b []byte) int64 {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	v, _ := strconv.ParseInt(string(b[:n]), 10, 64)
	return v
}

func newAudience(size int, timed bool) *audience {
	return &audience{size: size, timed: timed, events: map[int64]*spread{}}
}

package sse

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Open makes the answer to a GET request an event stream. It takes the connection over from net/http where it can;
// where it cannot, it sends the header there. Further header fields come from w.Header(). The status is 200.
//
// It fails when w can neither be taken over nor flushed (http.ErrNotSupported, and nothing has been sent), and when the
// connection is broken.
func (g *Group) Open(w http.ResponseWriter, r *http.Request) (*Stream, error) {
	s := &Stream{group: g, wake: make(chan struct{}, 1)}
	s.meter.Patience = g.writeTimeout()

	// The buffers that come with the connection are left to the garbage collector: a GET request has no body that
	// would stand in the one, and the head goes past the other.
	conn, _, err := http.NewResponseController(w).Hijack()
	switch {
	case err == nil:
		s.setHeader(w.Header(), r)
		s.wire, s.async, s.head = &taken{Conn: conn}, true, append(head(w, r), s.head...)
		_ = conn.SetDeadline(time.Time{}) // those of http.Server
		s.raw = pace.IsRaw(conn)
		pace.LimitUnsent(conn)
		return s, nil
	case !errors.Is(err, http.ErrNotSupported):
		return nil, fmt.Errorf("taking over the connection: %w", err)
	}

	s.setHeader(w.Header(), r)
	l := newLent(w, r)
	_ = l.rc.SetReadDeadline(time.Time{})
	if err := l.rc.Flush(); err != nil {
		l.cancel()
		w.Header().Del("Content-Encoding") // of an answer that says so
		return nil, fmt.Errorf("flushing the header: %w", err)
	}
	s.wire = l
	return s, nil
}

// head is what net/http would have sent for us.
func head(w http.ResponseWriter, r *http.Request) []byte {
	h := w.Header()
	h.Set("Connection", "close") // is what ends the body
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))

	var b bytes.Buffer
	proto := "HTTP/1.1"
	if !r.ProtoAtLeast(1, 1) {
		proto = "HTTP/1.0"
	}
	fmt.Fprintf(&b, "%s 200 OK\r\n", proto)
	_ = h.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}

// setHeader sets what an event stream needs, whatever stood there.
func (s *Stream) setHeader(h http.Header, r *http.Request) {
	h.Set("Content-Type", "text/event-stream") // bare: the encoding is UTF-8 by definition
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	for _, name := range []string{"Content-Length", "Content-Encoding", "Transfer-Encoding", "Trailer"} {
		h.Del(name) // there is no length, and what was said of the text was of another
	}
	if !s.group.Compress {
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if s.encoder = newEncoder(r); s.encoder != nil {
		h.Set("Content-Encoding", s.encoder.name())
		s.head = []byte(s.encoder.header())
	}
}

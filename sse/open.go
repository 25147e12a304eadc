package sse

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/pathsync/pathsync/pace"
	"github.com/pathsync/pathsync/sse/coding"
)

// Open turns the response to a GET request into an event stream with status 200. It hijacks the connection if possible;
// otherwise it sends the response's header. w.Header() may have further fields.
//
// The error is http.ErrNotSupported, and nothing has been sent, if w can neither be hijacked nor flushed. Any other error
// means that the connection is broken.
func (g *Group) Open(w http.ResponseWriter, r *http.Request) (*Stream, error) {
	s := &Stream{group: g, beginning: new(beginning)}

	// The connection's buffers are not used: a GET request has no body that the read buffer could hold, and the head is
	// written directly.
	hijacked, _, err := http.NewResponseController(w).Hijack()
	switch {
	case err == nil:
		s.setHeader(w.Header(), r)
		s.chunked = r.ProtoAtLeast(1, 1)
		head := responseHead(w, s.chunked)
		if s.chunked && s.encoder != nil {
			head = appendChunkHead(head, len(s.beginning.head))
			s.beginning.head = append(s.beginning.head, chunkTail...)
		}
		s.beginning.head = append(head, s.beginning.head...)
		_ = hijacked.SetDeadline(time.Time{}) // removes those of http.Server
		pace.LimitUnsent(hijacked)
		s.setConn(hijacked)
		return s, nil
	case !errors.Is(err, http.ErrNotSupported):
		return nil, fmt.Errorf("hijacking the connection: %w", err)
	}

	s.setHeader(w.Header(), r)
	c := newResponseConn(w, r)
	_ = c.rc.SetReadDeadline(time.Time{})
	if err := c.rc.Flush(); err != nil {
		c.cancel()
		w.Header().Del("Content-Encoding") // the caller sends an error instead
		return nil, fmt.Errorf("flushing the header: %w", err)
	}
	s.conn, s.wakeup = c, make(chan struct{}, 1)
	return s, nil
}

// setConn makes a hijacked connection that of the stream.
func (s *Stream) setConn(c net.Conn) {
	if raw := pace.Raw(c); raw != nil {
		c, s.resumable = raw, true
		if s.group.adopt(s, c) {
			s.conn = &s.socket
			return
		}
	}
	s.conn = &hijackedConn{Conn: c}
}

// responseHead returns the status line and the header that net/http would send.
func responseHead(w http.ResponseWriter, chunked bool) []byte {
	h := w.Header()
	h.Set("Connection", "close") // a stream does not return its connection to net/http
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))

	var b bytes.Buffer
	proto := "HTTP/1.0" // the end of the connection ends the body
	if chunked {
		proto = "HTTP/1.1"
		h.Set("Transfer-Encoding", "chunked")
	}
	fmt.Fprintf(&b, "%s 200 OK\r\n", proto)
	_ = h.Write(&b) // a bytes.Buffer returns no error
	b.WriteString("\r\n")
	return b.Bytes()
}

// setHeader sets the header fields of an event stream, replaces conflicting ones, and chooses the encoder.
func (s *Stream) setHeader(h http.Header, r *http.Request) {
	h.Set("Content-Type", "text/event-stream") // without a charset: the format is always UTF-8
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	for _, name := range []string{"Content-Length", "Content-Encoding", "Transfer-Encoding", "Trailer"} {
		h.Del(name) // the length is unknown, and the others describe another body
	}
	if !s.group.Compress {
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if s.encoder = coding.Negotiate(r.Header.Values("Accept-Encoding")); s.encoder != nil {
		h.Set("Content-Encoding", s.encoder.Name())
		s.beginning.head = []byte(s.encoder.Header())
	}
}

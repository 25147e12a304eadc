package sse

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"
)

// hijackable is a response whose connection is conn.
type hijackable struct {
	header http.Header
	conn   net.Conn
}

func (h *hijackable) Header() http.Header       { return h.header }
func (h *hijackable) Write([]byte) (int, error) { return 0, http.ErrHijacked }
func (h *hijackable) WriteHeader(int)           {}
func (h *hijackable) buffers() *bufio.ReadWriter {
	return bufio.NewReadWriter(bufio.NewReader(h.conn), nil)
}
func (h *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, h.buffers(), nil
}

// peer is the reader of a stream over net.Pipe, which has no buffer: a write blocks until the peer reads. In a synctest
// bubble, deadlines and heartbeats use the bubble's clock.
type peer struct {
	*eventReader
	net.Conn
	stream *Stream
	ended  chan error // the causes of onEnd

	lastErr error // of the body
}

// connect starts a stream at the end of a feed.
func connect(t *testing.T, g *Group, f *Feed, prelude ...string) *peer {
	t.Helper()
	p := open(t, g)
	p.start(f, f.End(), prelude...)
	p.head(t)
	return p
}

func open(t *testing.T, g *Group) *peer {
	t.Helper()
	return openFor(t, g, "identity")
}

func openFor(t *testing.T, g *Group, encoding string) *peer {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", encoding)
	return openRequest(t, g, r)
}

func openRequest(t *testing.T, g *Group, r *http.Request) *peer {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	s, err := g.Open(&hijackable{header: http.Header{}, conn: here}, r)
	if err != nil {
		t.Fatal(err)
	}
	return &peer{eventReader: newEventReader(there), Conn: there, stream: s, ended: make(chan error, 2)}
}

func (p *peer) start(f *Feed, from Position, prelude ...string) {
	pieces := make([][]byte, len(prelude))
	for i, s := range prelude {
		pieces[i] = []byte(s)
	}
	p.stream.Start(Plain(pieces...), f, from, func(cause error) { p.ended <- cause })
}

// head reads the head of the response. What follows is the body.
func (p *peer) head(t *testing.T) {
	t.Helper()
	chunked := false
	for {
		line, err := p.line()
		if err != nil {
			t.Fatal(err)
		}
		chunked = chunked || line == "Transfer-Encoding: chunked"
		if line != "" {
			continue
		}
		if lf, err := p.in.ReadByte(); err != nil || lf != '\n' { // eventReader has not read it
			t.Fatal(lf, err)
		}
		p.skipLF = false
		if chunked {
			p.in = bufio.NewReader(httputil.NewChunkedReader(p.in))
		}
		return
	}
}

// expect reads events and compares their data.
func (p *peer) expect(t *testing.T, data ...string) {
	t.Helper()
	for _, want := range data {
		m, err := p.next()
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		equal(t, m.data, want)
	}
}

// expectEnd expects the end of the connection, and a cause.
func (p *peer) expectEnd(t *testing.T, cause error) {
	t.Helper()
	m, err := p.next()
	if err == nil {
		t.Fatalf("instead of the end comes %v", m)
	}
	p.lastErr = err
	p.expectCause(t, cause)
}

func (p *peer) expectCause(t *testing.T, cause error) {
	t.Helper()
	if err := <-p.ended; !errors.Is(err, cause) {
		t.Fatalf("the stream ended with %v; want %v", err, cause)
	}
}

// publish appends messages to a feed and wakes its streams.
func publish(t testing.TB, f *Feed, data ...string) {
	t.Helper()
	for _, d := range data {
		if err := f.Append(0, mustFrame(t, "", "", d)); err != nil {
			t.Fatal(err)
		}
	}
	f.Wake()
}

// text returns the frame of a message.
func text(data string) string {
	frame, _ := AppendEvent(nil, "", "", []byte(data)) // fails only for bad ids and names
	return string(frame)
}

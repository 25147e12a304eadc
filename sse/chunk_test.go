package sse

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestChunksAreReadBack(t *testing.T) {
	sizes := []int{0, 1, 15, 16, 255, 4096, smallChunk - 8, smallChunk - 7, smallChunk, smallChunk + 1, 1 << 20} // frames have 8 bytes more
	var frames []byte
	var want []string
	for i, size := range sizes {
		data := strings.Repeat(string(rune('a'+i)), size)
		frames = append(frames, text(data)...)
		want = append(want, "data: "+data+"\n\n")
	}
	all := strings.Join(want, "")
	if got := string(textOf(frames)); got != all {
		t.Error("net/http's decoder reads another text")
	}
	var got []string
	for rest := frames; len(rest) > 0; {
		var part []byte
		part, rest = cutChunk(rest)
		got = append(got, string(part))
	}
	if !slices.Equal(got, want) {
		t.Error("cutChunk returns other texts")
	}
	for n := range want {
		joint := joinChunks(bytes.Clone(frames[:len(frames)-lengthOfChunks(want[n+1:])]))
		part, rest := cutChunk(joint)
		if string(part) != strings.Join(want[:n+1], "") || len(rest) > 0 {
			t.Errorf("joining %d chunks changes their text", n+1)
		}
		if !bytes.Equal(textOf(joint), part) {
			t.Errorf("net/http's decoder does not read %d joint chunks", n+1)
		}
	}
}

func lengthOfChunks(texts []string) (n int) {
	for _, text := range texts {
		n += len(appendChunkHead(nil, len(text))) + len(text) + len(chunkTail)
	}
	return n
}

// ends are the ends of a stream, and whether its reader can tell that nothing was lost.
var ends = map[string]struct {
	end   func(s *service)
	cause error
	body  error
}{
	"closed feed": {func(s *service) { s.feed.Close(nil) }, ErrClosed, io.EOF},
	"End":         {func(s *service) { onlyStream(&s.group).End([]byte(text("last"))) }, ErrEnded, io.EOF},
	"abort":       {func(s *service) { onlyStream(&s.group).conn.abort() }, ErrGone, io.ErrUnexpectedEOF},
}

func TestReaderTellsTheEndOfAStreamFromAnAbort(t *testing.T) {
	for server, start := range servers {
		for name, tt := range ends {
			for _, encoding := range []string{"identity", "gzip", "zstd"} {
				t.Run(fmt.Sprintf("%s/%s/%s", server, name, encoding), func(t *testing.T) {
					s := serve(t, start, FeedConfig{})
					s.group.Compress = true
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Accept-Encoding", encoding) // net/http then does not decode the content coding
					resp, err := s.Client().Do(req)
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					equal(t, resp.TransferEncoding, []string{"chunked"})
					awaitIdle(t, &s.group, 1)
					tt.end(s)
					if _, err := io.ReadAll(resp.Body); err != nil && !errors.Is(err, tt.body) || err == nil && tt.body != io.EOF {
						t.Errorf("the body ends with %v; want %v", err, tt.body)
					}
					s.expectCause(t, tt.cause)
				})
			}
		}
	}
}

func TestLaggingStreamEndsLikeAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{MaxBytes: 1000})
		p := connect(t, &g, f, text("not read")) // the write blocks
		for range 100 {
			publish(t, f, strings.Repeat("x", 100))
		}
		p.expect(t, "not read")
		p.expectEnd(t, ErrLagged)
		equal(t, p.lastErr, io.ErrUnexpectedEOF)
	})
}

// A client of HTTP/1.0 does not know the chunked transfer coding. The parts of a stream all have other paths to the
// connection than in other streams.
func TestStreamOverHTTP10IsNotChunked(t *testing.T) {
	large := strings.Repeat("x", 3*maxGathered)
	for server, start := range servers {
		t.Run(server, func(t *testing.T) {
			s := serve(t, start, FeedConfig{})
			s.prelude = [][]byte{[]byte(text("a") + text(large) + text("b")), []byte(text("c"))}
			conn := dialHTTP10(t, s)
			awaitIdle(t, &s.group, 1)
			publish(t, s.feed, "one", large, "two")
			s.feed.Close(func(int) []byte { return []byte(text("last")) })
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.TransferEncoding != nil {
				t.Errorf("the body ends with %v; transfer coding %v", err, resp.TransferEncoding)
			}
			want := string(textOf([]byte(text("a") + text(large) + text("b") + text("c") + text("one") + text(large) + text("two") + text("last"))))
			if string(body) != want {
				t.Errorf("%d bytes instead of %d, beginning with %.100q", len(body), len(want), body)
			}
			s.expectCause(t, ErrClosed)
		})
	}
}

func TestPendingFramesOfAStreamThatIsNotChunkedAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
		p := openRequest(t, &g, r)
		p.start(f, f.End())
		p.head(t)
		synctest.Wait() // the stream waits
		publish(t, f, "x", "y", "z")
		buf := make([]byte, 1000)
		n, err := p.Read(buf) // a pipe returns one write
		equal(t, err, nil)
		equal(t, string(buf[:n]), "data: x\n\ndata: y\n\ndata: z\n\n")
		f.Close(nil)
		p.expectEnd(t, ErrClosed)
		equal(t, p.lastErr, io.EOF)
	})
}

// dialHTTP10 requests a stream over HTTP/1.0.
func dialHTTP10(t *testing.T, s *service) net.Conn {
	t.Helper()
	dial := net.Dial
	if s.TLS != nil {
		dial = func(network, address string) (net.Conn, error) {
			return tls.Dial(network, address, &tls.Config{InsecureSkipVerify: true})
		}
	}
	conn, err := dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

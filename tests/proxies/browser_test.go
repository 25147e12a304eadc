package proxies

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a client behind a proxy, with its own connections.
type browser struct {
	url   string
	major int // required version of HTTP
	http  *http.Client

	mu    sync.Mutex
	conns []net.Conn
}

func newBrowser(t *testing.T, s *site) *browser {
	b := &browser{url: s.url, major: 1}
	transport := &http.Transport{DialContext: b.dial, DisableCompression: true}
	if s.http2 {
		trusted := x509.NewCertPool()
		trusted.AddCert(s.certificate)
		b.major, transport.ForceAttemptHTTP2 = 2, true
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted}
	}
	b.http = &http.Client{Transport: transport}
	t.Cleanup(b.closeConns)
	return b
}

func (b *browser) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		b.mu.Lock()
		b.conns = append(b.conns, conn)
		b.mu.Unlock()
	}
	return conn, err
}

// closeConns closes all connections.
func (b *browser) closeConns() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		conn.Close()
	}
}

// do sends a request for a path such as /v1/rooms/r. The caller closes the body of the response.
func (b *browser) do(ctx context.Context, method, path string, header http.Header, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == "" {
		req.Body = http.NoBody
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.ProtoMajor != b.major {
		resp.Body.Close()
		return nil, fmt.Errorf("the protocol is %s", resp.Proto)
	}
	return resp, nil
}

// call sends a request and decodes the response into a value if the status is 200.
func (b *browser) call(ctx context.Context, method, path, body string, into any) (status int, err error) {
	resp, err := b.do(ctx, method, path, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

// position is the position of a batch in its room.
type position struct {
	Room      string `json:"room"`
	Epoch     string `json:"epoch"`
	ServerSeq int64  `json:"serverSeq"`
}

func (p position) id() string { return fmt.Sprintf("%s-%d", p.Epoch, p.ServerSeq) }

// post sends a batch that sets one value. A status other than 200 is an error.
func (b *browser) post(ctx context.Context, room, value string) (position, error) {
	var at position
	status, err := b.call(ctx, http.MethodPost, "/v1/rooms/"+room+"/ops", batch(value), &at)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("posting a batch: status %d", status)
	}
	return at, err
}

// postAgain posts until a batch is accepted. On a busy machine, a shortened timeout of the proxy may expire first.
func (b *browser) postAgain(t *testing.T, room, value string) (at position, ok bool) {
	for begin := time.Now(); time.Since(begin) < long; time.Sleep(100 * time.Millisecond) {
		at, err := b.post(t.Context(), room, value)
		if err == nil {
			return at, true
		}
		t.Logf("posting to %s: %v", room, err)
	}
	return at, false
}

func batch(value string) string {
	return `{"clientId":"poster","key":"default","ops":[{"path":"value","op":"set","value":"` + value + `"}]}`
}

// event is the name and the id of an event.
type event struct {
	name, id string
}

// stream is an open stream.
type stream struct {
	cancel context.CancelFunc
	events chan event // closed when the stream ends
}

// open opens the stream of a room. query is the query of the URL.
func (b *browser) open(t *testing.T, room, query string, header http.Header) *stream {
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{cancel: cancel, events: make(chan event, 1000)}
	go func() {
		defer close(s.events)
		if err := b.follow(ctx, room, query, header, s.events); err != nil && ctx.Err() == nil {
			t.Logf("the stream of %s: %v", room, err)
		}
	}()
	return s
}

var errManyEvents = errors.New("more events than expected")

// follow reads a stream to its end.
func (b *browser) follow(ctx context.Context, room, query string, header http.Header, events chan<- event) error {
	resp, err := b.do(ctx, http.MethodGet, "/v1/rooms/"+room+"/events?"+query, header, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("opening the stream: status %s", resp.Status)
	}
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(resp.Body); err != nil {
			return err
		}
	}
	lines := bufio.NewReader(body)
	var e event
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\n"), []byte(": "))
		switch string(name) {
		case "event":
			e.name = string(value)
		case "id":
			e.id = string(value)
		case "":
			if e.name != "" {
				select {
				case events <- e:
				default:
					return errManyEvents
				}
			}
			e = event{}
		}
	}
}

// wait waits for an event with a name and, unless id is "", with an id. It reports whether the event arrived in time.
func (s *stream) wait(limit time.Duration, name, id string) bool {
	deadline := time.After(limit)
	for {
		select {
		case e, open := <-s.events:
			if !open {
				return false
			}
			if e.name == name && (id == "" || e.id == id) {
				return true
			}
		case <-deadline:
			return false
		}
	}
}

// ends reports whether the stream ends in time.
func (s *stream) ends(limit time.Duration) bool {
	deadline := time.After(limit)
	for {
		select {
		case _, open := <-s.events:
			if !open {
				return true
			}
		case <-deadline:
			return false
		}
	}
}

package contract

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// recording is the traffic of a test run, which the checks compare with the contract. It is a transport that records what
// passes through it.
type recording struct {
	mu  sync.Mutex
	all []*exchange
}

// exchange is a request and its response.
type exchange struct {
	method      string
	url         *url.URL
	sentHeader  http.Header
	sent        []byte // the body; nil if it was sent in pieces
	status      int
	header      http.Header
	received    []byte // the body, without content coding; of a stream what was read of it
	isStream    bool
	transported sync.Mutex // guards received while a stream is open

	parsed []item // of a stream, see items
}

// items returns the items of a stream. Call it when no stream is open any more.
func (e *exchange) items() []item {
	if e.parsed == nil {
		e.parsed = parseStream(string(e.received))
	}
	return e.parsed
}

// RoundTrip implements http.RoundTripper.
func (r *recording) RoundTrip(req *http.Request) (*http.Response, error) {
	e := &exchange{method: req.Method, url: req.URL, sentHeader: req.Header.Clone()}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		if e.sent, err = io.ReadAll(body); err != nil {
			return nil, err
		}
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e.status, e.header = resp.StatusCode, resp.Header
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		e.isStream = true
		resp.Body = &tee{Reader: withoutCoding(resp), Closer: resp.Body, e: e}
	} else {
		e.received, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(e.received))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
	return resp, err
}

// transport shows responses as the server sends them.
var transport = &http.Transport{DisableCompression: true}

// tee records what is read of a stream.
type tee struct {
	io.Reader
	io.Closer
	e *exchange
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.e.transported.Lock()
	t.e.received = append(t.e.received, p[:n]...)
	t.e.transported.Unlock()
	return n, err
}

// withoutCoding returns the body of a response without its content coding.
func withoutCoding(resp *http.Response) io.Reader {
	body := resp.Body
	switch resp.Header.Get("Content-Encoding") {
	case "gzip":
		return &lazyReader{open: func() (io.Reader, error) { return gzip.NewReader(body) }}
	case "zstd":
		return &lazyReader{open: func() (io.Reader, error) { return zstd.NewReader(body, zstd.WithDecoderConcurrency(1)) }}
	}
	return body
}

// lazyReader opens a reader at the first read, since opening a decoder reads.
type lazyReader struct {
	open func() (io.Reader, error)
	r    io.Reader
}

func (l *lazyReader) Read(p []byte) (n int, err error) {
	if l.r == nil {
		if l.r, err = l.open(); err != nil {
			return 0, err
		}
	}
	return l.r.Read(p)
}

// request returns the request as it was sent.
func (e *exchange) request() *http.Request {
	req := &http.Request{Method: e.method, URL: e.url, Host: e.url.Host, Header: e.sentHeader.Clone(), Body: http.NoBody}
	if e.sent != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(e.sent)), int64(len(e.sent))
	}
	return req
}

// response returns the response as it was received.
func (e *exchange) response() *http.Response {
	return &http.Response{StatusCode: e.status, Header: e.header.Clone(), Body: io.NopCloser(bytes.NewReader(e.received))}
}

// with returns the exchange with another body.
func (e *exchange) with(received []byte) *exchange {
	return &exchange{
		method: e.method, url: e.url, sentHeader: e.sentHeader, sent: e.sent,
		status: e.status, header: e.header, received: received, isStream: e.isStream,
	}
}

// code returns the code of a problem, and "" of other responses.
func (e *exchange) code() string {
	var p struct{ Code string }
	if e.header.Get("Content-Type") == "application/problem+json" {
		_ = json.Unmarshal(e.received, &p) // if it is not JSON, the check of responses fails
	}
	return p.Code
}

func (e *exchange) String() string {
	return fmt.Sprintf("%s %.200s, answered %d %.300s", e.method, e.url.RequestURI(), e.status, e.received)
}

// operationOf names the operation that a request is for, as in "GET /v1/rooms/{room}".
func (c *contract) operationOf(e *exchange) (name string, known bool) {
	segments := strings.Split(e.url.EscapedPath(), "/")
	for candidate, template := range c.templates {
		if strings.HasPrefix(candidate, e.method+" ") && matches(template, segments) {
			name, known = candidate, true
		}
	}
	return name, known
}

func matches(template, segments []string) bool {
	if len(template) != len(segments) {
		return false
	}
	for i := range template {
		if template[i] != segments[i] && (!strings.HasPrefix(template[i], "{") || segments[i] == "") {
			return false
		}
	}
	return true
}

// described calls visit for every exchange of an operation of the contract.
func (r *recording) described(c *contract, visit func(operation string, e *exchange)) {
	for _, e := range r.all {
		if name, known := c.operationOf(e); known {
			visit(name, e)
		}
	}
}

// sample returns a recording with one exchange of each kind, and all streams. Exchanges are of one kind if they have the same
// members and codes.
func (r *recording) sample(c *contract) *recording {
	sample := &recording{}
	seen := map[string]bool{}
	words := regexp.MustCompile(`"[A-Za-z_-]+":|"(?:applied|discarded|[a-z]+_[a-z_]+)"`)
	r.described(c, func(name string, e *exchange) {
		found := words.FindAllString(string(e.received)+string(e.sent), -1)
		slices.Sort(found)
		kind := fmt.Sprint(name, e.status, slices.Compact(found), slices.Sorted(maps.Keys(e.url.Query())), e.header["Cache-Control"], e.header["Content-Encoding"])
		if !seen[kind] || e.isStream {
			seen[kind] = true
			sample.all = append(sample.all, e)
		}
	})
	for _, e := range r.all {
		if _, known := c.operationOf(e); !known {
			sample.all = append(sample.all, e)
		}
	}
	return sample
}

// without returns a recording without the exchanges of a room.
func (r *recording) without(room string) *recording {
	rest := slices.DeleteFunc(slices.Clone(r.all), func(e *exchange) bool { return strings.HasPrefix(e.url.Path, "/v1/rooms/"+room+"/") })
	return &recording{all: rest}
}

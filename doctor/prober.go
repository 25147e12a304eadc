package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/pathsync/pathsync/internal/callout"
	"github.com/pathsync/pathsync/internal/eventstream"
	"github.com/pathsync/pathsync/pace"
)

// Prober sends probes to one server. It draws no conclusions: Diagnose does.
type Prober struct {
	base    string
	host    string
	posts   *http.Client // cuts what stalls
	streams *http.Client
}

// NewProber returns a prober for the server at a URL. It sends the token, if there is one, to that server only. A nil
// transport stands for a clone of http.DefaultTransport.
func NewProber(server, token string, transport http.RoundTripper) (*Prober, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	if transport == nil {
		clone := http.DefaultTransport.(*http.Transport).Clone()
		clone.ResponseHeaderTimeout = patience
		transport = clone
	}
	transport = callout.WithToken(transport, token, u)
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Prober{
		base: strings.TrimRight(server, "/") + "/v1/probe", host: u.Host,
		posts:   &http.Client{Transport: &pace.Transport{Base: transport, Patience: patience}, CheckRedirect: noRedirect},
		streams: &http.Client{Transport: transport, CheckRedirect: noRedirect},
	}, nil
}

// UnreachableError means that the server has answered no probe.
type UnreachableError struct{ Reason string }

func (e *UnreachableError) Error() string { return "the server cannot be reached: " + e.Reason }

const (
	patience   = 30 * time.Second // for an answer to begin or to continue
	grace      = 15 * time.Second // for the end of a stream to arrive
	againLimit = 5 * time.Second  // for the beginning of a second stream
)

// maxEventBytes limits one event of a probe, and maxReplyBytes an answer.
const (
	maxEventBytes = 1 << 20
	maxReplyBytes = 1 << 20
)

// Probe sends a few requests and then reads a stream of a given length. The error is an *UnreachableError or that of ctx.
func (p *Prober) Probe(ctx context.Context, length time.Duration) (o Observations, err error) {
	o.Host = p.host
	o.Plain = p.post(ctx, "doctor", []byte("{}"))
	if o.Plain.Err != "" {
		return o, &UnreachableError{o.Plain.Err}
	}
	if !o.Plain.OK() {
		return o, nil
	}
	o.Slash = p.post(ctx, url.PathEscape(SlashName), []byte("{}"))
	o.Large = p.post(ctx, "doctor", []byte(`"`+strings.Repeat("x", LargeBytes-2)+`"`))

	accept := "gzip, deflate, br, zstd" // as browsers do
	o.Stream = p.stream(ctx, length, accept)
	if o.Encoding = o.Stream.Header.Get("Content-Encoding"); o.Encoding != "" {
		accept = "identity"
		o.Stream = p.stream(ctx, length, accept)
	}
	o.Again = p.beginning(ctx, length, accept)
	return o, ctx.Err()
}

// post sends a POST request with a name in its path.
func (p *Prober) post(ctx context.Context, name string, body []byte) Reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/"+name, bytes.NewReader(body))
	if err != nil {
		return Reply{Err: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.posts.Do(req)
	if err != nil {
		return Reply{Err: reason(err)}
	}
	defer resp.Body.Close()
	return readReply(resp)
}

// open requests a stream. The URL is the same each time, so that a cache can show itself.
func (p *Prober) open(ctx context.Context, length time.Duration, accept string) (*http.Response, error) {
	address := fmt.Sprintf("%s?seconds=%d&events=10&intervalMs=%d", p.base, int(length.Seconds()),
		max(50, min(length/11, time.Second).Milliseconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", accept)
	req.Header.Set("Last-Event-ID", LastEventID)
	return p.streams.Do(req)
}

// stream reads a stream to its end. It does not read one that is encoded.
func (p *Prober) stream(ctx context.Context, length time.Duration, accept string) (s Stream) {
	ctx, cancel := context.WithTimeout(ctx, length+grace)
	defer cancel()
	began := time.Now()
	s.Planned = length
	resp, err := p.open(ctx, length, accept)
	if err != nil {
		s.Err, s.Ended = reason(err), time.Since(began)
		return s
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		s.Reply = readReply(resp)
		return s
	}
	s.Reply, s.Proto = Reply{Status: resp.StatusCode, Header: resp.Header}, resp.Proto
	if resp.Header.Get("Content-Encoding") != "" {
		return s
	}
	err = readProbe(&lastRead{resp.Body, began, &s.Quiet}, func(name string, data probeData) {
		switch name {
		case "probe-start":
			s.Arrived = data.arrived()
		case "probe-end":
			s.Whole = true
		case "reconnect":
			s.Asked = true
			return
		}
		s.Events = append(s.Events, Event{Sent: time.Duration(data.Ms) * time.Millisecond, Came: time.Since(began)})
	})
	s.Ended, s.How = time.Since(began), ending(err)
	return s
}

// lastRead notes when the last bytes of a body arrived.
type lastRead struct {
	io.Reader
	began time.Time
	at    *time.Duration
}

func (r *lastRead) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		*r.at = time.Since(r.began)
	}
	return n, err
}

// beginning reads the first event of a stream.
func (p *Prober) beginning(ctx context.Context, length time.Duration, accept string) (r Reply) {
	ctx, cancel := context.WithTimeout(ctx, againLimit)
	defer cancel()
	resp, err := p.open(ctx, length, accept)
	if err != nil {
		return Reply{Err: reason(err)}
	}
	defer resp.Body.Close()
	_ = readProbe(resp.Body, func(name string, data probeData) { // the timeout is the usual end
		if name == "probe-start" {
			r.Arrived = data.arrived()
			cancel()
		}
	})
	return r
}

// probeData is the answer to a probe of any kind.
type probeData struct {
	ID          string
	Name        string
	Bytes       int
	Host        string
	LastEventID string
	Ms          int64
}

func (d probeData) arrived() Arrived {
	return Arrived{ID: d.ID, Name: d.Name, Bytes: d.Bytes, Host: d.Host, LastEventID: d.LastEventID}
}

// readProbe reads the events of a probe to the end of its stream.
func readProbe(body io.Reader, take func(name string, data probeData)) error {
	events := eventstream.NewReader(body, maxEventBytes)
	for {
		e, err := events.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var data probeData
		if json.Unmarshal(e.Data, &data) == nil {
			take(e.Name, data)
		}
	}
}

// readReply reads an answer that is not a stream.
func readReply(resp *http.Response) Reply {
	r := Reply{Status: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBytes))
	if err != nil {
		r.Err = reason(err)
		return r
	}
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind {
	case "text/html":
		r.Page = title(body)
	case "application/problem+json":
		_ = json.Unmarshal(body, &r.Problem) // another program may send anything
	case "application/json":
		var data probeData
		if resp.StatusCode == http.StatusOK && json.Unmarshal(body, &data) == nil {
			r.Arrived = data.arrived()
		}
	}
	return r
}

var titleOf = regexp.MustCompile(`(?is)<title[^>]*>\s*(.*?)\s*</title>`)

func title(page []byte) string {
	if match := titleOf.FindSubmatch(page); match != nil && len(match[1]) > 0 {
		return html.UnescapeString(string(match[1]))
	}
	return "untitled"
}

// reason returns why a request failed, without the URL.
func reason(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	var timeout interface{ Timeout() bool }
	if errors.Is(err, pace.ErrStalled) || errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	return err.Error()
}

// ending describes how a stream ended.
func ending(err error) string {
	switch {
	case err == nil:
		return "a regular end"
	case errors.Is(err, context.DeadlineExceeded):
		return "its end did not arrive"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed in the middle of the answer"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	default:
		return err.Error()
	}
}

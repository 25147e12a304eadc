package main

import (
	"bufio"
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

	"github.com/pathsync/pathsync/doctor"
)

// examiner sends probes to a server and notes what comes of them. It judges nothing: that is package doctor's business.
type examiner struct {
	server string // as it was named
	base   string
	host   string
	client *http.Client
}

func newExaminer(f serverFlag) *examiner {
	e := &examiner{server: f.Server, base: strings.TrimRight(f.Server, "/") + "/v1/probe", client: f.httpClient()}
	if u, err := url.Parse(f.Server); err == nil {
		e.host = u.Host
	}
	e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return e
}

// unreachableError: nobody has answered at all.
type unreachableError struct{ why string }

func (e unreachableError) Error() string { return "the server cannot be reached: " + e.why }

const (
	grace      = 15 * time.Second // for the end of a stream to come
	againLimit = 5 * time.Second  // for the beginning of another
)

// examine watches a stream for a while, after some requests.
func (e *examiner) examine(ctx context.Context, watch time.Duration) (o doctor.Observations, err error) {
	o.Host = e.host
	o.Plain = e.post(ctx, "doctor", []byte("{}"))
	if o.Plain.Err != "" {
		return o, unreachableError{o.Plain.Err}
	}
	if !o.Plain.OK() {
		return o, nil
	}
	o.Slash = e.post(ctx, url.PathEscape(doctor.SlashName), []byte("{}"))
	o.Large = e.post(ctx, "doctor", []byte(`"`+strings.Repeat("x", doctor.LargeBytes-2)+`"`))

	accept := "gzip, deflate, br, zstd" // as browsers do
	o.Stream = e.watch(ctx, watch, accept)
	if o.Encoding = o.Stream.Header.Get("Content-Encoding"); o.Encoding != "" {
		accept = "identity"
		o.Stream = e.watch(ctx, watch, accept)
	}
	o.Again = e.begin(ctx, watch, accept)
	return o, ctx.Err()
}

// post sends a request with a name in its address and a body.
func (e *examiner) post(ctx context.Context, name string, body []byte) doctor.Reply {
	ctx, alive, stop := whileMoving(ctx, answerTimeout)
	defer stop()
	req, err := newRequest(ctx, http.MethodPost, e.base+"/"+name, body, alive)
	if err != nil {
		return doctor.Reply{Err: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	if err != nil {
		return doctor.Reply{Err: reason(causeOf(ctx, err))}
	}
	defer resp.Body.Close()
	resp.Body = &watched{resp.Body, alive}
	reply := readReply(resp)
	if reply.Err != "" && causeOf(ctx, nil) != nil {
		reply.Err = reason(errSilent)
	}
	return reply
}

// open asks for a stream, at an address that is the same each time.
func (e *examiner) open(ctx context.Context, watch time.Duration, accept string) (*http.Response, error) {
	address := fmt.Sprintf("%s?seconds=%d&events=10&intervalMs=%d", e.base, int(watch.Seconds()),
		max(50, min(watch/11, time.Second).Milliseconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", accept)
	req.Header.Set("Last-Event-ID", doctor.LastEventID)
	return e.client.Do(req)
}

// watch reads a stream to its end. One that comes encoded is left at once.
func (e *examiner) watch(ctx context.Context, length time.Duration, accept string) (s doctor.Stream) {
	ctx, cancel := context.WithTimeout(ctx, length+grace)
	defer cancel()
	began := time.Now()
	s.Planned = length
	resp, err := e.open(ctx, length, accept)
	if err != nil {
		s.Err, s.Ended = reason(err), time.Since(began)
		return s
	}
	defer resp.Body.Close()
	if !isStream(resp) {
		s.Reply = readReply(resp)
		return s
	}
	s.Reply, s.Proto = doctor.Reply{Status: resp.StatusCode, Header: resp.Header}, resp.Proto
	if resp.Header.Get("Content-Encoding") != "" {
		return s
	}
	body := &watched{resp.Body, func() { s.Quiet = time.Since(began) }}
	err = readProbe(body, func(name string, data probeData) {
		switch name {
		case "probe-start":
			s.Arrived = data.arrived()
		case "probe-end":
			s.Whole = true
		case "reconnect":
			s.Asked = true
			return
		}
		s.Events = append(s.Events, doctor.Event{Sent: time.Duration(data.Ms) * time.Millisecond, Came: time.Since(began)})
	})
	s.Ended, s.How = time.Since(began), ending(err)
	return s
}

// begin reads how a stream begins.
func (e *examiner) begin(ctx context.Context, length time.Duration, accept string) (r doctor.Reply) {
	ctx, cancel := context.WithTimeout(ctx, againLimit)
	defer cancel()
	resp, err := e.open(ctx, length, accept)
	if err != nil {
		return doctor.Reply{Err: reason(err)}
	}
	defer resp.Body.Close()
	_ = readProbe(resp.Body, func(name string, data probeData) { // what has not come by then does not come
		if name == "probe-start" {
			r.Arrived = data.arrived()
			cancel()
		}
	})
	return r
}

func isStream(resp *http.Response) bool {
	return resp.StatusCode == http.StatusOK && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
}

// probeData is what the server says to a probe, whichever it is.
type probeData struct {
	ID          string
	Name        string
	Bytes       int
	Host        string
	LastEventID string
	Ms          int64
}

func (d probeData) arrived() doctor.Arrived {
	return doctor.Arrived{ID: d.ID, Name: d.Name, Bytes: d.Bytes, Host: d.Host, LastEventID: d.LastEventID}
}

// readProbe reads the events of a probe to the end of its stream. They have one line of data each.
func readProbe(body io.Reader, take func(name string, data probeData)) error {
	lines := bufio.NewScanner(body)
	name := ""
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = value
		}
		var data probeData
		if value, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(value), &data) == nil {
			take(name, data)
		}
	}
	return lines.Err()
}

// readReply reads an answer that is not a stream.
func readReply(resp *http.Response) doctor.Reply {
	r := doctor.Reply{Status: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblemBytes))
	if err != nil {
		r.Err = reason(err)
		return r
	}
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind {
	case "text/html":
		r.Page = title(body)
	case "application/problem+json":
		_ = json.Unmarshal(body, &r.Problem) // or else it is another's
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

// reason is why a request has failed, without the address, which everybody knows.
func reason(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	var timeout interface{ Timeout() bool }
	if errors.Is(err, errSilent) || errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer came in time"
	}
	return err.Error()
}

// ending says how a stream ended.
func ending(err error) string {
	switch {
	case err == nil:
		return "its end came in the regular way"
	case errors.Is(err, context.DeadlineExceeded):
		return "its end did not come"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed in the middle of the answer"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	default:
		return err.Error()
	}
}

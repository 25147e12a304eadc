package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// serverFlag is the flag of the commands that speak to a running server.
type serverFlag struct {
	Server string `env:"PATHSYNC_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server to speak to (${default})."`
	Token  string `env:"PATHSYNC_TOKEN" placeholder:"JWT" help:"The token to show it. The environment is the better place for it."`
}

// Validate is called by the command line before the command runs.
func (f serverFlag) Validate() error {
	u, err := url.Parse(f.Server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("--server must be a URL such as http://127.0.0.1:8080")
	}
	return nil
}

// room returns a URL below a room of the server. Each part is one segment, whatever characters it has.
func (f serverFlag) room(parts ...string) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(f.Server, "/"))
	b.WriteString("/v1/rooms")
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(part))
	}
	return b.String()
}

// events returns the URL of the stream of several rooms.
func (f serverFlag) events() string { return strings.TrimRight(f.Server, "/") + "/v1/events" }

// answerTimeout is how long a server may take to begin its answer.
const answerTimeout = 30 * time.Second

func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	return &http.Client{Transport: transport}
}

// httpClient is a client that shows the token to the server, and to nobody whom the server sends it to.
func (f serverFlag) httpClient() *http.Client {
	client := newHTTPClient()
	if u, err := url.Parse(f.Server); err == nil && f.Token != "" {
		client.Transport = &bearer{token: f.Token, host: u.Host, scheme: u.Scheme, next: client.Transport}
	}
	return client
}

// bearer adds a token to what is sent to one server.
type bearer struct {
	token, scheme, host string
	next                http.RoundTripper
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == b.scheme && req.URL.Host == b.host {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(req)
}

// exchange sends a request and returns the body of the answer. The error of a refused request is a *problem.
func exchange(ctx context.Context, client *http.Client, method, address string, body []byte) ([]byte, error) {
	ctx, alive, stop := whileMoving(ctx, answerTimeout)
	defer stop()
	req, err := newRequest(ctx, method, address, body, alive)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	defer resp.Body.Close()
	resp.Body = &watched{resp.Body, alive}
	if resp.StatusCode != http.StatusOK {
		return nil, readProblem(resp)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", causeOf(ctx, err))
	}
	return answer, nil
}

// whileMoving returns a context that ends, with errSilent, when alive was not called for so long.
func whileMoving(parent context.Context, limit time.Duration) (ctx context.Context, alive, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	timer := time.AfterFunc(limit, func() { cancel(errSilent) })
	return ctx, func() { timer.Reset(limit) }, func() {
		timer.Stop()
		cancel(nil)
	}
}

// causeOf is why a request failed: errSilent, if that is it.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return err
}

// newRequest is http.NewRequestWithContext with a body that calls alive as it is sent.
func newRequest(ctx context.Context, method, address string, body []byte, alive func()) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err == nil && len(body) > 0 {
		req.Body = &watched{req.Body, alive}
		req.GetBody = func() (io.ReadCloser, error) { return &watched{io.NopCloser(bytes.NewReader(body)), alive}, nil }
	}
	return req, err
}

// problem is why a server refuses (RFC 9457).
type problem struct {
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Retryable bool   `json:"retryable"`
	Errors    []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`

	retryAfter string // the header
}

// maxProblemBytes bounds what is read of the body of an error.
const maxProblemBytes = 1 << 20

// readProblem makes an error of an answer that is not the one hoped for. Proxies on the way answer in their own words;
// then the status has to do.
func readProblem(resp *http.Response) *problem {
	p := &problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxProblemBytes)).Decode(p); err != nil {
			*p = problem{}
		}
	}
	p.Status = resp.StatusCode
	p.retryAfter = resp.Header.Get("Retry-After")
	if p.Title == "" {
		p.Title = "the server answers " + resp.Status
	}
	if p.Code == "" {
		p.Retryable = isPassing(resp.StatusCode)
	}
	return p
}

// isPassing reports whether a status by itself says that the trouble may pass.
func isPassing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (p *problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	if p.Code != "" {
		fmt.Fprintf(&b, " (%s)", p.Code)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", e.Pointer, e.Detail)
	}
	return b.String()
}

// Package callout sends requests to endpoints whose answers the server trusts: the application, and the issuer of tokens.
// An answer is trusted because of its address, so it must come over TLS or from this machine, and redirects are not
// followed.
package callout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Patience is how long an answer may take to begin, and how long it may stall. Its total time is not limited, but its rate
// must reach pace.MinRate.
const Patience = 5 * time.Second

// ErrUntrusted is returned for a URL whose answers cannot be trusted.
var ErrUntrusted = errors.New("the URL must begin with https://, or with http:// and a loopback address")

// Endpoint is a trusted URL. It is safe for concurrent use.
type Endpoint struct {
	url    url.URL
	client *http.Client
}

// New returns an endpoint. A nil client stands for one with a transport of its own; of another one, only the transport is
// used. New sends nothing.
func New(address string, client *http.Client) (*Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, ErrUntrusted
	}
	var base http.RoundTripper
	if client != nil {
		base = client.Transport
	}
	if base == nil {
		base = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &Endpoint{url: *u, client: &http.Client{
		Transport:     &pace.Transport{Base: base, Patience: Patience},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// Request is one GET request to an endpoint.
type Request struct {
	Accept   string     // the header
	Token    string     // bearer token; "": none
	Query    url.Values // parameters besides those of the endpoint's URL
	MaxBytes int64      // limit of the answer
	Progress func()     // called whenever bytes of the answer arrive; nil: nothing
}

// Get returns the status of the answer and, if that is 200, its body. The error does not contain the URL, whose query can
// hold a secret.
func (e *Endpoint) Get(ctx context.Context, r Request) (status int, body []byte, err error) {
	u := e.url
	if len(r.Query) > 0 {
		query := u.Query()
		for name, values := range r.Query {
			query[name] = values
		}
		u.RawQuery = query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", r.Accept)
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil, nil
	}
	body, err = read(resp.Body, r)
	return resp.StatusCode, body, err
}

func read(from io.Reader, r Request) ([]byte, error) {
	if r.Progress != nil {
		from = &progressReader{from, r.Progress}
	}
	body, err := io.ReadAll(io.LimitReader(from, r.MaxBytes+1))
	if err == nil && int64(len(body)) > r.MaxBytes {
		err = fmt.Errorf("the answer is larger than %d bytes", r.MaxBytes)
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

type progressReader struct {
	io.Reader
	progress func()
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 {
		p.progress()
	}
	return n, err
}

// StatusError returns the error for a status that is not an answer.
func StatusError(status int) error {
	return fmt.Errorf("the answer is %d %s", status, http.StatusText(status))
}

// WithToken returns a transport that adds a bearer token to requests to one server, and not to requests that the server
// redirects elsewhere. Without a token it returns base.
func WithToken(base http.RoundTripper, token string, server *url.URL) http.RoundTripper {
	if token == "" {
		return base
	}
	return &bearer{base, token, server.Scheme, server.Host}
}

type bearer struct {
	base                http.RoundTripper
	token, scheme, host string
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == b.scheme && req.URL.Host == b.host {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.base.RoundTrip(req)
}

// Package client is a Go client of a pathsync server: it reads rooms and documents, submits batches, and follows rooms.
//
//	c, err := client.New(client.Config{Server: "http://127.0.0.1:8080"})
//	…
//	room, err := c.Get(ctx, "board-7")
//	result, err := c.Submit(ctx, "board-7", client.Batch{
//		ClientID: "ada-1", ClientSeq: 1, Key: "default",
//		Ops: []client.Op{{Path: "title", Op: "set", Value: json.RawMessage(`"Launch"`)}},
//	})
//	for event, err := range c.Tail(ctx, client.Subscription{Rooms: []string{"board-7"}}) {
//		…
//	}
//
// Submit, Tail, Changes, Documents and Rooms retry what may succeed later. A refusal by the server is a *Problem. A connection that stalls is cut, so
// that no call needs a timeout of its own.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pathsync/pathsync/internal/callout"
	"github.com/pathsync/pathsync/pace"
)

// Config configures a Client.
type Config struct {
	Server string // URL of the server, without /v1; required
	Token  string // bearer token for the server; default: none

	// Transport sends the requests. Default: a clone of http.DefaultTransport that lets the system buffer little of a
	// request's body. With a large buffer, a slow link can look like a stalled one.
	Transport http.RoundTripper
	// Heartbeat is the server's --heartbeat-ms: on a stream, it sends a byte at least that often. Default: 15 s.
	Heartbeat time.Duration
	// OnRetry is called before each wait for another attempt. Default: nothing.
	OnRetry func(err error, after time.Duration)
	// Wait waits for d, and returns the error of ctx if that ends first. Tests replace it. Default: a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Client calls one server. Its methods are safe for concurrent use.
type Client struct {
	cfg     Config
	server  string       // URL
	base    string       // of the API
	http    *http.Client // for answers of limited length: cuts what stalls
	streams *http.Client
}

// Patience is how long a request may stall, and how long a stream may take to begin.
const Patience = 30 * time.Second

const defaultHeartbeat = 15 * time.Second

// New returns a client. It sends nothing yet. The only error is a URL of a server that is not one.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("the server must be a URL such as http://127.0.0.1:8080")
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = defaultHeartbeat
	}
	if cfg.OnRetry == nil {
		cfg.OnRetry = func(error, time.Duration) {}
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	authorized := callout.WithToken(cfg.Transport, cfg.Token, u)
	server := strings.TrimRight(cfg.Server, "/")
	return &Client{
		cfg: cfg, server: server, base: server + "/v1",
		http:    &http.Client{Transport: &pace.Transport{Base: authorized, Patience: Patience}, CheckRedirect: checkRedirect},
		streams: &http.Client{Transport: authorized, CheckRedirect: checkRedirect},
	}, nil
}

// checkRedirect follows a redirect to another URL of the server. It does not follow one that turns a POST into a GET, as to a
// page for signing in, or one of a loop: the answer is then the redirect, which is a *Problem.
func checkRedirect(req *http.Request, via []*http.Request) error {
	const most = 5
	if req.Method != via[0].Method || len(via) > most {
		return http.ErrUseLastResponse
	}
	return nil
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	dial := t.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			pace.LimitUnsent(conn)
		}
		return conn, err
	}
	return t
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Room is a room's documents at one moment.
type Room struct {
	Room      string              `json:"room"`
	Epoch     string              `json:"epoch"`
	ServerSeq int64               `json:"serverSeq"`
	Stores    map[string]Document `json:"stores"` // by store key

	JSON json.RawMessage `json:"-"` // the whole answer
}

// Document is one document.
type Document struct {
	ServerSeq int64           `json:"serverSeq"` // of the last batch that changed it
	State     json.RawMessage `json:"state"`

	JSON json.RawMessage `json:"-"` // the whole answer of GetDocument
}

// Get returns a room's documents. A room that does not exist is empty.
func (c *Client) Get(ctx context.Context, room string) (r Room, err error) {
	r.JSON, err = c.get(ctx, c.roomURL(room), &r, func() bool { return r.Stores != nil })
	return r, err
}

// GetDocument returns one document of a room. The error is a *Problem with code store_not_found if there is none.
func (c *Client) GetDocument(ctx context.Context, room, key string) (d Document, err error) {
	d.JSON, err = c.get(ctx, c.roomURL(room, "stores", key), &d, func() bool { return d.State != nil })
	return d, err
}

// get decodes an answer into v. complete reports whether v then has the members that the server always sends: something else than
// pathsync may have answered.
func (c *Client) get(ctx context.Context, address string, v any, complete func() bool) (json.RawMessage, error) {
	answer, err := c.exchange(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return bytes.TrimSpace(answer), decode(answer, v, complete)
}

// getAgain is get with the attempts and waits of Submit.
func (c *Client) getAgain(ctx context.Context, address string, v any, complete func() bool) error {
	var answer []byte
	err := c.retry(ctx, func() (err error) {
		answer, err = c.exchange(ctx, http.MethodGet, address, nil)
		return err
	})
	if err != nil {
		return err
	}
	return decode(answer, v, complete)
}

// errForeign means that an answer is not one of pathsync.
var errForeign = errors.New("reading the answer: it is not an answer of pathsync; is the URL that of the server?")

func decode(answer []byte, v any, complete func() bool) error {
	if err := json.Unmarshal(answer, v); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if !complete() {
		return errForeign
	}
	return nil
}

// roomURL returns a URL below a room. Each part is one segment of the path.
func (c *Client) roomURL(parts ...string) string {
	address := c.base + "/rooms"
	for _, part := range parts {
		address += "/" + url.PathEscape(part)
	}
	return address
}

// exchange sends a request and returns the body of the answer. A status other than 200 is a *Problem.
func (c *Client) exchange(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	resp, err := c.send(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return answer, nil
}

// send sends a request and returns the answer, whose body the caller closes. A status other than 200 is a *Problem.
func (c *Client) send(ctx context.Context, method, address string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, readProblem(resp)
	}
	if err := expectType(resp, "application/json"); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// expectType returns a *Problem if an answer has another media type, because something else than pathsync answers.
func expectType(resp *http.Response, want string) error {
	kind := resp.Header.Get("Content-Type")
	if got, _, _ := mime.ParseMediaType(kind); got == want {
		return nil
	}
	return &Problem{Title: fmt.Sprintf("the answer is of type %q, and not %s: something else than pathsync has answered", kind, want), Status: resp.StatusCode}
}

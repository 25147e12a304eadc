package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Target is the server under load. The fields of a Target must not change while a load runs.
type Target struct {
	URL   string // of the server, without /v1
	Token string // of all requests; "": none
	// Direct: no proxy is on the way, so that each chunk of a stream begins with an event.
	Direct bool
	// Others are further servers on the same database. Clients take turns.
	Others []*Target

	// Usage returns what the server has used until now. nil: it is not known.
	Usage func() (u Usage, known bool)
	// Restart ends the server, starts it again on its database, and returns its URL. nil: it cannot be restarted.
	Restart func() (url string, err error)

	// Kill ends the server at once. nil: it cannot be killed.
	Kill func() error
	// Transactions returns how many transactions of the database were committed and rolled back. nil: it is not known.
	Transactions func(context.Context) (committed, rolledBack int64, err error)

	// Counters of the running load, for a display.
	Posted, Delivered, Streams atomic.Int64

	run     string          // is a part of the names of rooms and clients, so that each run has its own
	ctx     context.Context //nolint:containedctx // of the running load: its end cuts all connections
	address string          // host:port
	tls     *tls.Config     // nil: plain HTTP
	prefix  string          // of paths
	headers string          // of each request
}

// Usage is what a server has used until a moment.
type Usage struct {
	CPU     time.Duration
	RSS     int64 // bytes
	Peak    int64 // highest RSS
	Written int64 // bytes, to disk
}

const dialTimeout = 10 * time.Second

// resolve prepares the fields that follow from URL and Token.
func (s *Target) resolve() error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("the server must be a URL such as http://127.0.0.1:8080")
	}
	port := u.Port()
	if s.tls = nil; u.Scheme == "https" {
		s.tls = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
		if port == "" {
			port = "443"
		}
	} else if port == "" {
		port = "80"
	}
	s.address, s.prefix = net.JoinHostPort(u.Hostname(), port), strings.TrimRight(u.EscapedPath(), "/")
	s.headers = " HTTP/1.1\r\nHost: " + u.Host + "\r\n"
	if s.Token != "" {
		s.headers += "Authorization: Bearer " + s.Token + "\r\n"
	}
	return nil
}

// dial opens a connection, which the end of the load closes.
func (s *Target) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	if s.tls != nil {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	return conn, nil
}

// request returns the first line and the headers of a request that all requests have. path begins with /v1.
func (s *Target) request(method, path string) string {
	return method + " " + s.prefix + path + s.headers
}

func (s *Target) name(kind string, i int) string {
	return Prefix + kind + "-" + s.run + "-" + strconv.Itoa(i)
}

// sleep returns after d, or when the load ends.
func (s *Target) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

func (s *Target) usage() (u Usage, known bool) {
	if s.Usage == nil {
		return u, false
	}
	return s.Usage()
}

func (s *Target) restart() error {
	if s.Restart == nil {
		return fmt.Errorf("this load restarts the server, and this server cannot be restarted")
	}
	address, err := s.Restart()
	if err != nil {
		return err
	}
	s.URL = address
	return s.resolve()
}

// at returns the server of the client with number i.
func (s *Target) at(i int) *Target {
	if i %= 1 + len(s.Others); i > 0 {
		return s.Others[i-1]
	}
	return s
}

// get sends a request without a load.
func (s *Target) get(path string) (*http.Response, error) {
	ctx := s.ctx
	if ctx == nil { // no load is running
		ctx = context.Background()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.URL, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	return (&http.Client{Timeout: 30 * time.Second}).Do(req)
}

// Metric returns the value of a series without labels, at any time.
func (s *Target) Metric(name string) (float64, error) {
	resp, err := s.get("/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("the server has no metric %s", name)
}

// lastSeq returns the serverSeq of a room.
func (s *Target) lastSeq(room string) (int64, error) {
	resp, err := s.get("/v1/rooms/" + room)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	tag := strings.Trim(strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), `"`)
	_, digits, _ := strings.Cut(tag, "-")
	return strconv.ParseInt(digits, 10, 64)
}

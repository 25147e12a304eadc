package cluster

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// serverHeader is the header of a response in which the balancer names the server.
const serverHeader = "X-Server"

// balance starts the balancer: HAProxy, or the one of this package where that is not installed.
func (c *cluster) balance() {
	c.t.Helper()
	haproxy := findProgram("haproxy")
	if haproxy == "" {
		c.t.Log("HAProxy is not installed: a balancer of the tests is used, and no link of the balancer is cut")
		c.front = newBalancer(c.t, c.servers)
		return
	}
	address := c.balancer.address(c.t)
	file := filepath.Join(c.t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(c.haproxyConfig(address)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.balancer.start(c.t, nil, haproxy, "-db", "-f", file)
	c.front = "http://" + address
	front := &server{t: c.t, place: c.balancer, address: address}
	for began := false; !began; {
		began = front.status("/readyz") == http.StatusOK
	}
}

// haproxyConfig is the recipe of docs/run/cluster.md with shorter times: two failed checks take a second.
func (c *cluster) haproxyConfig(address string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 5s
  timeout check 500ms
  option redispatch
  retries 3
frontend web
  bind %s
  default_backend pathsync
backend pathsync
  balance roundrobin
  option http-no-delay
  option httpchk GET /readyz
  http-response set-header %s %%s
  default-server check inter 500ms fall 2 rise 1
`, address, serverHeader)
	for _, s := range c.servers {
		fmt.Fprintf(&b, "  server %s %s\n", s.id(), s.address)
	}
	return b.String()
}

// id is the name of the server without spaces.
func (s *server) id() string { return strings.ReplaceAll(s.place.name, " ", "-") }

// findProgram searches PATH, and the directory in which Debian has servers.
func findProgram(name string) string {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}

// newBalancer starts a balancer that sends consecutive requests to different servers that are up.
func newBalancer(t *testing.T, servers []*server) (address string) {
	t.Helper()
	pick := &roundRobin{base: &http.Transport{DisableCompression: true}, servers: servers}
	t.Cleanup(pick.base.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "any"}) },
		Transport:     pick,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	balancer := httptest.NewServer(proxy)
	t.Cleanup(balancer.CloseClientConnections)
	t.Cleanup(balancer.Close)
	return balancer.URL
}

// roundRobin sends each request to the next server.
type roundRobin struct {
	base    *http.Transport
	servers []*server
	next    atomic.Int64
}

func (b *roundRobin) RoundTrip(r *http.Request) (*http.Response, error) {
	for range b.servers {
		to := b.servers[int(b.next.Add(1))%len(b.servers)]
		if !to.up.Load() { // as an active health check finds out
			continue
		}
		out := r.Clone(r.Context())
		out.URL.Host = to.address
		resp, err := b.base.RoundTrip(out)
		if err == nil {
			resp.Header.Set(serverHeader, to.id())
		}
		return resp, err
	}
	return nil, http.ErrServerClosed
}

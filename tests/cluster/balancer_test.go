package cluster

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// newBalancer starts a balancer that sends consecutive requests to different servers. A request whose server refuses the
// connection is sent to the next one.
func newBalancer(t *testing.T, servers []*server) (address string) {
	t.Helper()
	var next atomic.Int64
	pick := &elsewhere{base: &http.Transport{DisableCompression: true}, servers: servers, next: &next}
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

// elsewhere sends each request to the next server.
type elsewhere struct {
	base    *http.Transport
	servers []*server
	next    *atomic.Int64
}

func (e *elsewhere) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	for range e.servers {
		to := e.servers[int(e.next.Add(1))%len(e.servers)]
		if !to.up.Load() { // as an active health check finds out
			continue
		}
		out := r.Clone(r.Context())
		out.URL.Host = to.address
		return e.base.RoundTrip(out)
	}
	return nil, http.ErrServerClosed
}

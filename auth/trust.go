package auth

import (
	"net"
	"net/http"
	"net/url"
	"time"
)

// isTrustworthy reports whether what comes from a URL comes from there: over TLS, or without leaving this machine.
func isTrustworthy(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// trusting is a client that asks whom it is told to ask, and nobody to whom it is sent on: an answer is trusted because
// of where it comes from. Without a client it makes one.
func trusting(client *http.Client, timeout time.Duration) *http.Client {
	if client == nil {
		client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	own := *client
	own.Timeout = timeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

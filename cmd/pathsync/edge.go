package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/pathsync/pathsync/httpapi"
)

// edge is what stands between the network and the API.
type edge struct {
	tls       *tls.Config // nil without TLS
	protocols *http.Protocols
	origins   httpapi.Origins
	limits    httpapi.Limits
}

// edge makes of the flags what they stand for.
func (c *serveCommand) edge(log *slog.Logger) (e edge, err error) {
	if e.tls, err = c.tlsConfig(log); err != nil {
		return e, err
	}
	if e.origins, err = c.origins(); err != nil {
		return e, err
	}
	if e.limits, err = c.limits(); err != nil {
		return e, err
	}
	e.protocols = new(http.Protocols)
	e.protocols.SetHTTP1(true)
	e.protocols.SetHTTP2(true) // over TLS
	e.protocols.SetUnencryptedHTTP2(c.H2C)
	return e, nil
}

// scheme is that of the server's address.
func (e *edge) scheme() string {
	if e.tls != nil {
		return "https"
	}
	return "http"
}

func (c *serveCommand) origins() (httpapi.Origins, error) {
	origins, err := httpapi.ParseOrigins(c.AllowOrigin)
	if err != nil {
		return origins, fmt.Errorf("--allow-origin: %w", err)
	}
	return origins, nil
}

// limits are the flags that bound what one party may have.
func (c *serveCommand) limits() (httpapi.Limits, error) {
	proxies := make([]netip.Prefix, len(c.TrustedProxies))
	for i, text := range c.TrustedProxies {
		p, err := parsePrefix(text)
		if err != nil {
			return httpapi.Limits{}, fmt.Errorf("--trusted-proxies: %q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		proxies[i] = p
	}
	return httpapi.Limits{
		Address: httpapi.Allowance{
			Batches: c.AddressBatches, Requests: c.AddressRequests, Streams: c.AddressStreams, Rooms: c.AddressRooms,
		},
		User: httpapi.Allowance{
			Batches: c.UserBatches, Requests: c.UserRequests, Streams: c.UserStreams, Rooms: c.UserRooms,
		},
		ClientBatches:  c.ClientBatches,
		TrustedProxies: proxies,
	}, nil
}

// parsePrefix reads a network, or a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().WithZone("").Prefix(a.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && p.Addr().Is4In6() {
		err = errors.New("IPv4 networks are written as such")
	}
	return p.Masked(), err
}

package limit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the address that a request comes from: the peer, or the client of trusted proxies. It is the zero
// Addr when the connection has no IP address.
//
// Each proxy appends its peer to X-Forwarded-For. The header is read from the right, and only entries of trusted proxies
// are used: the client can send anything to the left of them. `Forwarded` is ignored: behind a proxy that writes only one
// of the two headers, clients could choose the other.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := canonical(peer.Addr())
	hops := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for hops != "" && contains(trusted, client) {
		var hop string
		if comma := strings.LastIndexByte(hops, ','); comma >= 0 {
			hops, hop = hops[:comma], hops[comma+1:]
		} else {
			hops, hop = "", hops
		}
		next, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break // the last known address is the proxy's
		}
		client = next
	}
	return client
}

// parseHop reads an address of X-Forwarded-For. Some proxies add the port, and then IPv6 addresses are in brackets.
func parseHop(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return canonical(a), true
	}
	a, err := netip.ParseAddrPort(text)
	return canonical(a.Addr()), err == nil
}

// canonical returns an address as prefixes match it: IPv4-mapped IPv6 as IPv4, and without a zone.
func canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// network returns the network that the limits of an address apply to: an IPv4 address, or a /64 of IPv6, since one
// subscriber has at least that. The loopback interface has no limits: its requests are local, or come through a proxy
// that is not in TrustedProxies, and then from all clients.
func network(a netip.Addr) (netip.Addr, bool) {
	if !a.IsValid() || a.IsLoopback() {
		return netip.Addr{}, false
	}
	if a.Is4() {
		return a, true
	}
	p, err := a.Prefix(64)
	return p.Addr(), err == nil
}

package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress is where a request comes from: the peer, or whom it speaks for when it is a trusted proxy. It is the zero
// Addr when the connection has no IP address.
//
// Every proxy appends to X-Forwarded-For whom it was called by. Only what trusted proxies have appended is believed, from
// the right: to the left of it stands whatever the client has sent. `Forwarded` means nothing here: a proxy that writes the
// one field and passes on the other would let clients choose.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := plain(peer.Addr())
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
			break // the proxy that is known is the best there is to say
		}
		client = next
	}
	return client
}

// parseHop reads an address as proxies write it: some add the port, and then IPv6 is in brackets.
func parseHop(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return plain(a), true
	}
	a, err := netip.ParseAddrPort(text)
	return plain(a.Addr()), err == nil
}

// plain is an address as prefixes know it: IPv4 inside IPv6 is IPv4, and the zone is the link's own business.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// subscriber is what stands for one client where addresses are counted: an IPv4 address, or the 64 bits of an IPv6 address
// that every subscriber has at least. The loopback interface is nobody's: what comes over it is the machine's own, or comes
// through a proxy that nobody has named as trusted, and then it is everybody.
func subscriber(a netip.Addr) (netip.Addr, bool) {
	if !a.IsValid() || a.IsLoopback() {
		return netip.Addr{}, false
	}
	if a.Is4() {
		return a, true
	}
	p, err := a.Prefix(64)
	return p.Addr(), err == nil
}

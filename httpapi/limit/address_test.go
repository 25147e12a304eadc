package limit

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48"), netip.MustParsePrefix("127.0.0.1/32")}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"straight":                                {"203.0.113.9:4711", nil, "203.0.113.9"},
		"over IPv6":                               {"[2001:db8::9]:4711", nil, "2001:db8::9"},
		"over a link":                             {"[fe80::9%eth0]:4711", nil, "fe80::9"},
		"IPv4 on a socket for both":               {"[::ffff:203.0.113.9]:4711", nil, "203.0.113.9"},
		"through a proxy":                         {"10.0.0.1:80", []string{"203.0.113.9"}, "203.0.113.9"},
		"through a proxy on a socket for both":    {"[::ffff:10.0.0.1]:80", []string{"203.0.113.9"}, "203.0.113.9"},
		"through two":                             {"10.0.0.1:80", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"through two that write fields of theirs": {"10.0.0.1:80", []string{"203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		"through a proxy on this machine":         {"127.0.0.1:80", []string{"203.0.113.9"}, "203.0.113.9"},
		"through an IPv6 proxy, with a port":      {"[2001:db8:ffff::1]:80", []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		"with brackets and no port":               {"10.0.0.1:80", []string{"[2001:db8::9]"}, "2001:db8::9"},
		"with a port":                             {"10.0.0.1:80", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		"from inside":                             {"10.0.0.1:80", []string{"10.0.0.7"}, "10.0.0.7"},
		"from a proxy itself":                     {"10.0.0.1:80", nil, "10.0.0.1"},

		"forged, with no proxy":             {"203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9"},
		"forged, as a proxy, with no proxy": {"203.0.113.9:4711", []string{"10.0.0.1"}, "203.0.113.9"},
		"forged, through a proxy":           {"10.0.0.1:80", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		"forged, as a proxy":                {"10.0.0.1:80", []string{"10.0.0.3, 203.0.113.9"}, "203.0.113.9"},
		"forged, in a field of its own":     {"10.0.0.1:80", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		"forged, as nonsense":               {"10.0.0.1:80", []string{"\x00, <script>, , 203.0.113.9"}, "203.0.113.9"},
		"nonsense by a proxy":               {"10.0.0.1:80", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"nothing by a proxy":                {"10.0.0.1:80", []string{"198.51.100.1, "}, "10.0.0.1"},
		"no IP":                             {"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded, "Forwarded": {"for=198.51.100.1"}, "X-Real-Ip": {"198.51.100.1"}}}
		if got := clientAddress(r, trusted).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestNetworkOfAddress(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::": "2001:db8:1:2::",
		"2001:db8:1:3::1": "2001:db8:1:3::", "fe80::9": "fe80::", "127.0.0.1": "", "127.9.9.9": "", "::1": "",
	} {
		got, ok := network(netip.MustParseAddr(address))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s counts as %v, %v", address, got, ok)
		}
	}
	if _, ok := network(netip.Addr{}); ok {
		t.Error("no address has a network")
	}
}

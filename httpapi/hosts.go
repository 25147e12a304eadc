package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// checkHost refuses a request to a server of this machine alone that is made under a name which is not the machine's.
//
// A page can point its own name at 127.0.0.1 once it has been loaded (DNS rebinding). To the browser, the server is of the
// page's own origin from then on: no preflight asks, and the page reads every answer. All that tells is the name in Host,
// which a page cannot choose.
func (s *Server) checkHost(r *http.Request) error {
	if !s.cfg.LocalOnly || s.cfg.Origins.any || !strings.HasPrefix(r.URL.Path, "/v1/") {
		return nil
	}
	name := hostname(r.Host)
	if isOwnName(name) || s.cfg.Origins.names[name] {
		return nil
	}
	return problem(CrossOrigin, "the server is for this machine alone, and the host of the request is another's name; "+
		"if it is one of a proxy in front, the server's operator has to allow its origin (--allow-origin)")
}

// isOwnName reports whether no page can come from a name and yet be of another machine: an address is no name that could be
// pointed anywhere, and browsers take localhost for this machine, whatever a name server says. A request without a name is
// from no browser.
func isOwnName(name string) bool {
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// hostname is the name in Host, without the port, as origins have it.
func hostname(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// nameIn is the name in an origin that ParseOrigins has taken.
func nameIn(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		panic(err) // ParseOrigins has seen to it
	}
	return u.Hostname()
}

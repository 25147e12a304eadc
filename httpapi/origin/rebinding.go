package origin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// CheckRebinding fails with problem.CrossOrigin when a request to a local server has the name of another host.
//
// After a page is loaded, its name can be changed to resolve to 127.0.0.1 (DNS rebinding). To the browser, the local server
// is then same-origin: there is no preflight, and the page reads every response. Only Host tells the difference, which a
// page cannot choose.
func (a Allowed) CheckRebinding(r *http.Request) error {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return nil
	}
	return a.CheckHost(r)
}

// CheckHost is CheckRebinding for every path.
func (a Allowed) CheckHost(r *http.Request) error {
	if a.any {
		return nil
	}
	name := hostname(r.Host)
	if isLocal(name) || a.hosts[name] {
		return nil
	}
	return problem.New(problem.CrossOrigin, "the server is local, and the request is for another host name; "+
		"if a proxy has this name, allow its origin (--allow-origin)")
}

// isLocal reports whether a name cannot be rebound: an IP address is not resolved, and browsers resolve localhost to the
// loopback interface without DNS. Browsers always send a name.
func isLocal(name string) bool {
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// hostname returns the name in Host without the port, in the form of origins.
func hostname(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

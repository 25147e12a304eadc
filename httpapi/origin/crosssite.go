package origin

import (
	"mime"
	"net/http"
	"strings"

	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/token"
)

// Protection refuses cross-site requests that may change something.
type Protection struct {
	allowed Allowed
	cop     *http.CrossOriginProtection
}

// NewProtection returns a protection that accepts requests of allowed origins.
func NewProtection(allowed Allowed) *Protection {
	p := &Protection{allowed, http.NewCrossOriginProtection()}
	for origin := range allowed.exact {
		if err := p.cop.AddTrustedOrigin(origin); err != nil {
			panic(err) // Parse has checked it
		}
	}
	return p
}

// Check fails with problem.CrossOrigin when a page of another origin sends the request and is not allowed to. Forms and
// beacons need no preflight, so CORS alone does not stop them.
func (p *Protection) Check(r *http.Request) error {
	if p.allowed.any && len(r.Header.Values("Cookie")) == 0 {
		return nil // without cookies, the request has no permissions of a user
	}
	seen := r
	if host := Host(r); host != r.Host {
		renamed := *r
		renamed.Host = host
		seen = &renamed
	}
	if p.cop.Check(seen) != nil && (p.allowed.any || !needsPreflight(r)) {
		return problem.New(problem.CrossOrigin, "the request is from a page of another origin, which the server does not allow (--allow-origin)")
	}
	return nil
}

// Host returns the host in the URL that a page uses. A proxy that sends requests to another host name puts it into
// X-Forwarded-Host. Forging the header is harmless: a page cannot send it without a preflight, and other clients do not
// have a user's cookies.
func Host(r *http.Request) string {
	if hosts := r.Header.Get("X-Forwarded-Host"); hosts != "" {
		host, _, _ := strings.Cut(hosts, ",")
		return host
	}
	return r.Host
}

// needsPreflight reports whether browsers send a cross-origin request only after a preflight, which only allowed origins
// pass. Such a request is accepted when the host in Origin differs from Host, because proxies such as nginx replace Host by
// default. It is not accepted when the browser sends Sec-Fetch-Site, which is more precise, or our cookie.
func needsPreflight(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "" || len(r.CookiesNamed(token.CookieName)) > 0 {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json" || r.Method == http.MethodPut || r.Method == http.MethodDelete
}

package httpapi

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Origins are the origins whose pages may use the API besides the server's own. The zero value is none.
type Origins struct {
	exact map[string]bool
	names map[string]bool // the hosts of exact
	any   bool            // every origin, and no cookies
}

// AnyOrigin stands for every origin in ParseOrigins.
const AnyOrigin = "*"

// ParseOrigins reads origins as browsers write them, such as `https://app.example.com` or `http://localhost:3000`. They are
// compared whole, never by a part. AnyOrigin stands alone: what every page may do must not be done with a user's cookies.
func ParseOrigins(list []string) (Origins, error) {
	o := Origins{exact: map[string]bool{}, names: map[string]bool{}}
	for _, origin := range list {
		if origin == AnyOrigin {
			o.any = true
			continue
		}
		if err := checkOrigin(origin); err != nil {
			return Origins{}, fmt.Errorf("%q is not an origin: %w", origin, err)
		}
		o.exact[origin], o.names[nameIn(origin)] = true, true
	}
	if o.any && len(o.exact) > 0 {
		return Origins{}, fmt.Errorf("%q allows every origin, and stands alone", AnyOrigin)
	}
	return o, nil
}

// checkOrigin says why no browser would ever send a text as an origin.
func checkOrigin(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("write it like https://app.example.com or http://localhost:3000")
	case u.Scheme+"://"+u.Host != text:
		return errors.New("an origin ends after the host and the port")
	case strings.Contains(u.Host, "*"):
		return errors.New("origins are compared whole; name each")
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c > '~' || 'A' <= c && c <= 'Z' }):
		return errors.New("browsers write the host in lower case, and in Punycode")
	case strings.HasSuffix(u.Host, ":"), u.Scheme == "http" && u.Port() == "80", u.Scheme == "https" && u.Port() == "443":
		return errors.New("browsers leave out the port that the scheme stands for")
	}
	return nil
}

// What pages of other origins may send and see, beyond what the Fetch standard lets everybody.
const (
	corsMethods = "GET, POST, PUT, DELETE"
	corsHeaders = "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id"
	corsExposed = "ETag, Retry-After, X-Request-Id"
	corsMaxAge  = "7200" // seconds; no browser keeps a preflight for longer than some hours
)

// share lets pages of the origins read the answer, whatever it will be: a problem that cannot be read is no help. The
// header is there before the handler, so that a stream that is taken over has it as well.
func (o Origins) share(h http.Header, r *http.Request) {
	if !o.any && len(o.exact) == 0 || !strings.HasPrefix(r.URL.Path, "/v1/") {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case o.any:
		h.Set("Access-Control-Allow-Origin", AnyOrigin)
	case o.exact[origin]:
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	default:
		return
	}
	h.Set("Access-Control-Expose-Headers", corsExposed)
}

// preflight answers a browser that asks what a page may send, and reports whether it has. Where the page may not, it has
// not: an answer without these fields is a refusal.
func (o Origins) preflight(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" ||
		h.Get("Access-Control-Allow-Origin") == "" {
		return false
	}
	h.Del("Access-Control-Expose-Headers")
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// protection refuses what pages of other origins make a browser send: forms and beacons need no preflight.
func (o Origins) protection() *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	for origin := range o.exact {
		if err := p.AddTrustedOrigin(origin); err != nil {
			panic(err) // ParseOrigins has seen to it
		}
	}
	return p
}

// checkOrigin refuses a request that may change something, and that a page has made which may not.
func (s *Server) checkOrigin(r *http.Request) error {
	if s.cfg.Origins.any && len(r.Header.Values("Cookie")) == 0 {
		return nil // it says nothing in a user's name
	}
	seen := *r
	seen.Host = hostOf(r)
	if s.crossOrigin.Check(&seen) != nil && (s.cfg.Origins.any || !isAskedFirst(r)) {
		return problem(CrossOrigin, "the page that sends it is of another origin, which the server's operator has to allow")
	}
	return nil
}

// hostOf is the host that a page knows us by. A proxy that talks to us under our own name has put it into
// X-Forwarded-Host. That anybody else can write it is no harm: a page cannot without a preflight, and whoever is no page
// does not have another's cookies.
func hostOf(r *http.Request) string {
	if hosts := r.Header.Get("X-Forwarded-Host"); hosts != "" {
		host, _, _ := strings.Cut(hosts, ",")
		return host
	}
	return r.Host
}

// isAskedFirst reports whether a browser sends a request for a page of another origin only after a preflight, which nobody
// but the allowed origins passes. Then it is no harm that a proxy hides the host that Origin would be held against, as
// nginx does unless it is told otherwise. A browser that says what the page is to the server is believed instead, and so is
// nothing that comes with our cookie.
func isAskedFirst(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "" || len(r.CookiesNamed(CookieName)) > 0 {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json" || r.Method == http.MethodPut || r.Method == http.MethodDelete
}

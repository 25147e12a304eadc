package origin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Allowed are the origins whose pages may use the API, besides the server's own. The zero value allows none.
type Allowed struct {
	exact map[string]bool
	hosts map[string]bool // of exact
	any   bool            // every origin, without cookies
}

// Any stands for every origin in Parse.
const Any = "*"

// Parse reads origins in the form that browsers send, such as `https://app.example.com` or `http://localhost:3000`. Origins
// are compared as a whole. Any cannot be combined with others, because pages of any origin must not use a user's cookies.
func Parse(list []string) (Allowed, error) {
	a := Allowed{exact: map[string]bool{}, hosts: map[string]bool{}}
	for _, origin := range list {
		if origin == Any {
			a.any = true
			continue
		}
		host, err := parse(origin)
		if err != nil {
			return Allowed{}, fmt.Errorf("%q is not an origin: %w", origin, err)
		}
		a.exact[origin], a.hosts[host] = true, true
	}
	if a.any && len(a.exact) > 0 {
		return Allowed{}, fmt.Errorf("%q allows every origin and cannot be combined with others", Any)
	}
	return a, nil
}

// parse returns the host of an origin. It fails when no browser sends the text as an origin.
func parse(text string) (host string, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", errors.New("write it like https://app.example.com or http://localhost:3000")
	case u.Scheme+"://"+u.Host != text:
		return "", errors.New("an origin ends after the host and the port")
	case strings.Contains(u.Host, "*"):
		return "", errors.New("wildcards are not supported; list each origin")
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c > '~' || 'A' <= c && c <= 'Z' }):
		return "", errors.New("browsers send the host in lower case, and in Punycode")
	case strings.HasSuffix(u.Host, ":"), u.Scheme == "http" && u.Port() == "80", u.Scheme == "https" && u.Port() == "443":
		return "", errors.New("browsers omit the default port of the scheme")
	}
	return u.Hostname(), nil
}

// What pages of allowed origins may send and read, beyond what the Fetch standard allows by itself.
const (
	corsMethods = "GET, POST, PUT, DELETE"
	corsHeaders = "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id"
	corsExposed = "ETag, Retry-After, X-Request-Id"
	corsMaxAge  = "7200" // seconds; browsers cache a preflight for at most a few hours
)

// SetHeaders lets pages of allowed origins read the response, also if it is a problem. Call it before the handler, since
// the handler may hijack the connection.
func (a Allowed) SetHeaders(h http.Header, r *http.Request) {
	if !a.any && len(a.exact) == 0 || !strings.HasPrefix(r.URL.Path, "/v1/") {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case a.any:
		h.Set("Access-Control-Allow-Origin", Any)
	case a.exact[origin]:
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	default:
		return
	}
	h.Set("Access-Control-Expose-Headers", corsExposed)
}

// Preflight answers a preflight request of an allowed origin, and reports whether it did. Any other response to a preflight
// refuses it, because it has no CORS headers. Call it after SetHeaders.
func (a Allowed) Preflight(w http.ResponseWriter, r *http.Request) bool {
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

// Package token finds the token of a request. It does not verify it.
package token

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// CookieName is the cookie that may contain a token. Browsers accept a cookie of this name only over TLS, for this host
// and all its paths, so that no other subdomain can set it.
const CookieName = "__Host-pathsync"

// FromRequest returns the token in the header Authorization, or else in the cookie. Without exactly one token it fails
// with problem.Unauthenticated.
func FromRequest(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	cookies := r.CookiesNamed(CookieName)
	switch {
	case InQuery(r.URL):
		return "", problem.Challenge("a token in the URL ends up in logs; send it as `Authorization: Bearer`, or use a ticket", true)
	case len(headers) > 1 || len(cookies) > 1:
		return "", problem.Challenge("there is more than one token", true)
	case len(headers) == 1:
		scheme, token, _ := strings.Cut(headers[0], " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", problem.Challenge("the header Authorization must be `Bearer` and a token", true)
		}
		return token, nil
	case len(cookies) == 1:
		return cookies[0].Value, nil
	default:
		return "", problem.Challenge("there is no token", false)
	}
}

// Present reports whether a request has a token, valid or not.
func Present(r *http.Request) bool {
	return len(r.Header.Values("Authorization")) > 0 || len(r.CookiesNamed(CookieName)) > 0 || InQuery(r.URL)
}

// parameters are query parameters that contain tokens in other APIs.
var parameters = []string{"token", "access_token", "id_token", "jwt", "bearer", "authorization"}

// InQuery reports whether the query of a URL contains a token, by its name or its form.
func InQuery(u *url.URL) bool {
	for name, values := range u.Query() {
		if slices.ContainsFunc(values, IsJWT) || slices.Contains(parameters, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// IsJWT reports whether a text has the form of a JSON Web Token: its first part is an object in base64url.
func IsJWT(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
}

package doctor

import (
	"net/http"
	"strings"
)

// Product is a program or a service on the way that has given itself away.
type Product struct {
	Name   string `json:"name"`
	Recipe string `json:"recipe"`
}

// trace is what a product leaves in the header of an answer.
type trace struct {
	name, heading string
	field         string
	value         string // is part of the field's; "" for any
}

// traces are in the order in which products are named.
var traces = []trace{
	{"Cloudflare", "cloudflare", "Server", "cloudflare"},
	{"Cloudflare", "cloudflare", "CF-Ray", ""},
	{"Amazon CloudFront", "cloudfront", "Via", "cloudfront"},
	{"Amazon CloudFront", "cloudfront", "X-Amz-Cf-Id", ""},
	{"AWS ALB", "alb", "Server", "awselb"},
	{"Azure Front Door", "front-door", "X-Azure-Ref", ""},
	{"Fastly", "fastly", "X-Served-By", "cache-"},
	{"Microsoft IIS", "iis", "Server", "microsoft-iis"},
	{"Microsoft IIS", "iis", "X-Powered-By", "arr/"},
	{"Envoy", "envoy", "Server", "envoy"},
	{"Envoy", "envoy", "X-Envoy-Upstream-Service-Time", ""},
	{"nginx", "nginx", "Server", "nginx"},
	{"Apache httpd", "apache", "Server", "apache"},
	{"Varnish", "varnish", "Via", "varnish"},
	{"Varnish", "varnish", "X-Varnish", ""},
	{"Caddy", "caddy", "Server", "caddy"},
	{"Caddy", "caddy", "Via", "caddy"},
}

// Products names what answers have passed through, as far as it says so.
func Products(o Observations) []Product {
	all := []Product{}
	named := map[string]bool{}
	for _, t := range traces {
		if !named[t.name] && (t.isIn(o.Plain.Header) || t.isIn(o.Stream.Header)) {
			named[t.name] = true
			all = append(all, Product{t.name, recipePage + t.heading})
		}
	}
	return all
}

func (t trace) isIn(h http.Header) bool {
	values := h.Values(t.field)
	return len(values) > 0 && strings.Contains(strings.ToLower(strings.Join(values, ",")), t.value)
}

package doctor

import (
	"net/http"
	"slices"
	"strings"
)

// Product is a proxy or a service that a header field reveals.
type Product struct {
	Name   string `json:"name"`
	Recipe string `json:"recipe"`
}

// The known products.
var (
	cloudflare = Product{"Cloudflare", "docs/run/proxies.md#cloudflare"}
	cloudFront = Product{"Amazon CloudFront", "docs/run/proxies.md#cloudfront"}
	alb        = Product{"AWS ALB", "docs/run/proxies.md#alb"}
	frontDoor  = Product{"Azure Front Door", "docs/run/proxies.md#front-door"}
	fastly     = Product{"Fastly", "docs/run/proxies.md#fastly"}
	iis        = Product{"Microsoft IIS", "docs/run/proxies.md#iis"}
	envoy      = Product{"Envoy", "docs/run/proxies.md#envoy"}
	nginx      = Product{"nginx", "docs/run/proxies.md#nginx"}
	apache     = Product{"Apache httpd", "docs/run/proxies.md#apache"}
	varnish    = Product{"Varnish", "docs/run/proxies.md#varnish"}
	caddy      = Product{"Caddy", "docs/run/proxies.md#caddy"}
)

// trace is a header field by which a product is recognised.
type trace struct {
	product Product
	field   string
	value   string // substring of the field's value; "": any
}

// traces are in the order of the result of Products.
var traces = []trace{
	{cloudflare, "Server", "cloudflare"},
	{cloudflare, "CF-Ray", ""},
	{cloudFront, "Via", "cloudfront"},
	{cloudFront, "X-Amz-Cf-Id", ""},
	{alb, "Server", "awselb"},
	{frontDoor, "X-Azure-Ref", ""},
	{fastly, "X-Served-By", "cache-"},
	{iis, "Server", "microsoft-iis"},
	{iis, "X-Powered-By", "arr/"},
	{envoy, "Server", "envoy"},
	{envoy, "X-Envoy-Upstream-Service-Time", ""},
	{nginx, "Server", "nginx"},
	{apache, "Server", "apache"},
	{varnish, "Via", "varnish"},
	{varnish, "X-Varnish", ""},
	{caddy, "Server", "caddy"},
	{caddy, "Via", "caddy"},
}

// Products returns the recognised products that the answers have passed through.
func Products(o Observations) []Product {
	all := []Product{}
	for _, t := range traces {
		if !slices.Contains(all, t.product) && (t.isIn(o.Plain.Header) || t.isIn(o.Stream.Header)) {
			all = append(all, t.product)
		}
	}
	return all
}

func (t trace) isIn(h http.Header) bool {
	values := h.Values(t.field)
	return len(values) > 0 && strings.Contains(strings.ToLower(strings.Join(values, ",")), t.value)
}

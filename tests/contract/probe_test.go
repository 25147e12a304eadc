package contract

import (
	"slices"
	"strings"
	"testing"
)

func testProbing(c client) {
	s := c.open("/v1/probe?seconds=1&events=2&intervalMs=50", "Last-Event-ID", "doctor-7")
	names, _ := s.until("probe-end")
	if want := []string{"probe-start", "probe", "probe", "probe-end"}; !slices.Equal(names, want) {
		c.t.Errorf("got %v, want %v", names, want)
	}
	s.ends()
	c.open("/v1/probe").until("probe-start")
	c.get(400, "/v1/probe?seconds=0").isProblem("invalid_parameter")

	c.post(200, "/v1/probe/a%2Fb", `"something"`).has("name", `"a/b"`).has("bytes", "11")
	c.post(422, "/v1/probe/%20", `{}`).isProblem("invalid_name")
	c.post(413, "/v1/probe/x", `"`+strings.Repeat("x", 1<<20)+`"`).isProblem("body_too_large")
	c.post(415, "/v1/probe/x", `{}`, "Content-Type", "text/plain").isProblem("unsupported_media_type")
	c.post(400, "/v1/probe/x", `{`).isProblem("invalid_json")
}

func testTooManyProbes(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{}))
	for range 64 {
		c.open("/v1/probe?seconds=300").until("probe-start")
	}
	c.get(503, "/v1/probe").isProblem("overloaded")
	c.post(503, "/v1/probe/x", `{}`).isProblem("overloaded")
}

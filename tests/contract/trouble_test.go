package contract

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/origin"
)

// newClient returns a client of a separate server.
func newClient(t *testing.T, w *recording, s *server) client {
	return client{t: t, base: s.url, http: &http.Client{Transport: w}}
}

func testSlowBody(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{bodyTimeout: 50 * time.Millisecond}))
	for _, request := range [][2]string{
		{http.MethodPost, "/v1/rooms/slow/ops"},
		{http.MethodPut, "/v1/rooms/slow/presence/ada"},
		{http.MethodPost, "/v1/rooms/slow/presence/ada"},
		{http.MethodPost, "/v1/tickets"},
		{http.MethodPost, "/v1/probe/slow"},
	} {
		body, rest := io.Pipe() // a body that does not end
		go io.WriteString(rest, "{")
		c.sendFrom(request[0], request[1], body).is(408).isProblem("request_timeout")
		rest.Close()
	}
}

func testDatabaseUnavailable(t *testing.T, w *recording) {
	s := startServer(t, limits{})
	c := newClient(t, w, s)
	s.store.down.Store(true)
	for name, send := range roomRoutes("unavailable") {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("database_unavailable") })
	}
	c.get(503, "/readyz").isProblem("database_unavailable")
	c.get(200, "/healthz")
}

func testHistoryChanged(t *testing.T, w *recording) {
	s := startServer(t, limits{})
	c := newClient(t, w, s)
	before := c.post(200, "/v1/rooms/changed/ops", batch(`"a"`, 1)).member("epoch")
	stream := c.open("/v1/rooms/changed/events?clientId=ada")
	stream.until("up-to-date")
	s.store.down.Store(true) // so that it cannot be opened again
	if _, err := s.store.Store.Reopen(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	c.post(503, "/v1/rooms/changed/ops", batch(`"b"`, 2)).isProblem("history_changed") // the server detects the change
	for name, send := range roomRoutes("changed") {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("history_changed") })
	}
	c.get(503, "/readyz").isProblem("history_changed")
	c.get(200, "/healthz")
	stream.until("problem")
	stream.ends()

	s.store.down.Store(false)
	eventually(t, func() bool {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if after := c.post(200, "/v1/rooms/changed/ops", batch(`"b"`, 2)).has("serverSeq", "2").member("epoch"); after == before {
		t.Errorf("the epoch is still %s", after)
	}
	c.open("/v1/rooms/changed/events", "Last-Event-ID", strings.Trim(before, `"`)+"-1").until("state")
}

// eventually waits for something that takes a moment.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it takes more than 30 s")
		}
	}
}

func testDamagedRoom(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{}))
	for name, send := range roomRoutes(damagedRoom) {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("room_unavailable") })
	}
}

// partialLoader is an application that provides the initial state of only one room.
type partialLoader struct{}

func (partialLoader) LoadInitialState(_ context.Context, room string) (map[string]json.RawMessage, error) {
	if room == "known" {
		return map[string]json.RawMessage{"default": json.RawMessage(`{"title":"known"}`)}, nil
	}
	return nil, errDown
}

func testApplicationUnavailable(t *testing.T, w *recording) {
	for mode, l := range map[string]limits{"without authentication": {initial: partialLoader{}}, "with authentication": {initial: partialLoader{}, auth: allUsers}} {
		t.Run(mode, func(t *testing.T) {
			c := client{t: t, base: startServer(t, l).url, http: &http.Client{Transport: bearer{"ada", w}}}
			for name, send := range roomRoutes("unavailable") {
				t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("initial_state_unavailable") })
			}
			c.get(200, "/v1/rooms/known/stores/default").has("state", `{"title":"known"}`)
			c.get(200, "/v1/rooms/known/changes")
			c.get(200, "/readyz")
		})
	}
}

func testTooManyRooms(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{maxRooms: 1}))
	c.open("/v1/rooms/first/events").until("up-to-date")
	for name, send := range roomRoutes("second") {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("overloaded") })
	}
}

// viaProxy sends requests as a proxy does, for a client that is not on this machine.
type viaProxy struct{ http.RoundTripper }

func (f viaProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	return f.RoundTripper.RoundTrip(r)
}

func testTooManyRequests(t *testing.T, w *recording) {
	s := startServer(t, limits{limits: limit.Config{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Address:        limit.Allowance{Requests: 0.001, Batches: 0.001},
	}})
	c := client{t: t, base: s.url, http: &http.Client{Transport: viaProxy{w}}}
	c.get(200, "/readyz")
	c.post(200, "/v1/rooms/limits/ops", batch(`"a"`, 1))
	for _, r := range theContract(t).requests() {
		if r.path == "/healthz" {
			c.sendSample(200, r)
		} else {
			c.sendSample(429, r).isProblem("rate_limited")
		}
	}
}

func testOrigins(t *testing.T, w *recording) {
	const allowed, foreign = "https://app.example.com", "https://evil.test"
	origins, err := origin.Parse([]string{allowed})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, w, startServer(t, limits{origins: origins}))
	const room = "/v1/rooms/origins"
	c.get(200, room, "Origin", allowed)
	c.get(200, room, "Origin", foreign)
	c.post(200, room+"/ops", batch(`"a"`, 1), "Origin", allowed)
	c.post(403, room+"/ops", batch(`"b"`, 2), "Origin", foreign, "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
	c.put(403, room+"/presence/ada", `{}`, "Origin", foreign, "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
	c.post(403, room+"/presence/ada", `{}`, "Origin", foreign, "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
	c.send(403, http.MethodDelete, room+"/presence/ada", "", "Origin", foreign, "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
	c.post(403, room+"/presence/ada/leave", "", "Origin", foreign, "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
	c.post(403, "/v1/probe/origins", `{}`, "Origin", foreign, "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
	stream := c.open(room+"/events", "Origin", allowed)
	stream.until("up-to-date")
	testPreflight(c, allowed)
}

// testPreflight checks that pages of an allowed origin may send each operation with its header parameters.
func testPreflight(c client, allowed string) {
	contract := theContract(c.t)
	for _, r := range contract.requests() {
		if !strings.HasPrefix(r.path, "/v1/") {
			continue
		}
		h := c.send(204, http.MethodOptions, r.path, "", "Origin", allowed, "Access-Control-Request-Method", r.method).header
		methods := strings.Split(h.Get("Access-Control-Allow-Methods"), ", ")
		headers := strings.Split(h.Get("Access-Control-Allow-Headers"), ", ")
		wanted := []string{"Authorization", "Content-Type"}
		for _, p := range contract.parametersOf(r.operation) {
			if p.object["in"] == "header" {
				wanted = append(wanted, p.object["name"].(string))
			}
		}
		missing := slices.DeleteFunc(wanted, func(name string) bool { return slices.Contains(headers, name) })
		if !slices.Contains(methods, r.method) || len(missing) > 0 {
			c.t.Errorf("a preflight of %s allows %v without %v", r.operation, methods, missing)
		}
	}
}

func testMetricsElsewhere(t *testing.T, w *recording) {
	newClient(t, w, startServer(t, limits{noMetrics: true})).get(404, "/metrics").isProblem("not_found")
}

func testShutdown(t *testing.T, w *recording) {
	s := startServer(t, limits{})
	c := newClient(t, w, s)
	streams := []*stream{c.open("/v1/rooms/closing/events"), c.open("/v1/events?room=closing&room=other"), c.open("/v1/probe?seconds=300")}
	streams[0].until("up-to-date")
	streams[1].until("up-to-date")
	streams[2].until("probe-start")
	s.api.Drain()
	for _, stream := range streams {
		stream.until("reconnect")
		stream.ends()
	}
	c.get(503, "/readyz").isProblem("shutting_down")
}

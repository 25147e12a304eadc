package contract

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// troubled is a client of a server of its own.
func troubled(t *testing.T, w *witness, s *server) client {
	return client{t: t, base: s.url, http: &http.Client{Transport: w}}
}

func testSlowBody(t *testing.T, w *witness) {
	c := troubled(t, w, startServer(t, limits{bodyTimeout: 50 * time.Millisecond}))
	for path, method := range map[string]string{
		"/v1/rooms/slow/ops":          http.MethodPost,
		"/v1/rooms/slow/presence/ada": http.MethodPut,
		"/v1/tickets":                 http.MethodPost,
	} {
		body, rest := io.Pipe() // whose end never comes
		go io.WriteString(rest, "{")
		c.sendFrom(408, method, path, body).isProblem("request_timeout")
		rest.Close()
	}
}

func testDatabaseAway(t *testing.T, w *witness) {
	s := startServer(t, limits{})
	c := troubled(t, w, s)
	s.store.down.Store(true)
	for name, send := range roomRoutes("away") {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("database_unavailable") })
	}
	c.get(503, "/readyz").isProblem("database_unavailable")
	c.get(200, "/healthz")
}

func testDamagedRoom(t *testing.T, w *witness) {
	c := troubled(t, w, startServer(t, limits{}))
	for name, send := range roomRoutes(damagedRoom) {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("room_unavailable") })
	}
}

func testTooManyRooms(t *testing.T, w *witness) {
	c := troubled(t, w, startServer(t, limits{maxRooms: 1}))
	c.open("/v1/rooms/first/events").until("up-to-date")
	for name, send := range roomRoutes("second") {
		t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("overloaded") })
	}
}

func testMetricsElsewhere(t *testing.T, w *witness) {
	troubled(t, w, startServer(t, limits{noMetrics: true})).get(404, "/metrics").isProblem("not_found")
}

func testShutdown(t *testing.T, w *witness) {
	s := startServer(t, limits{})
	c := troubled(t, w, s)
	stream := c.open("/v1/rooms/closing/events")
	stream.until("up-to-date")
	s.api.Drain()
	stream.until("reconnect")
	stream.ends()
	c.get(503, "/readyz").isProblem("shutting_down")
}

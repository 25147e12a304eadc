package contract

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync"
)

func TestTheServerKeepsTheContract(t *testing.T) {
	r := &recording{}
	t.Run("traffic", func(t *testing.T) { sendEverything(t, r) })
	if t.Failed() {
		return // then the recording is not complete
	}
	c := theContract(t)
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			for _, finding := range check.find(c, r) {
				t.Error(finding)
			}
		})
	}
	if !raceDetector { // the checks have no concurrency, and take five times as long with it
		t.Run("planted errors are found", func(t *testing.T) { testPlantedErrors(t, r) })
	}
}

// sendEverything sends every request of the contract and causes every response.
func sendEverything(t *testing.T, w *recording) {
	for mode, c := range map[string]client{
		"without authentication": {base: startServer(t, limits{}).url, http: &http.Client{Transport: w}},
		"with authentication":    {base: startServer(t, limits{auth: allUsers}).url, http: &http.Client{Transport: bearer{"ada", w}}},
	} {
		t.Run(mode, func(t *testing.T) { testEverything(t, c) })
	}
	for name, test := range map[string]func(*testing.T, *recording){
		"a slow body":             testSlowBody,
		"an unavailable database": testDatabaseUnavailable,
		"a damaged room":          testDamagedRoom,
		"another history":         testHistoryChanged,
		"a failing application":   testApplicationUnavailable,
		"too many rooms":          testTooManyRooms,
		"too many requests":       testTooManyRequests,
		"pages of other origins":  testOrigins,
		"a shutdown":              testShutdown,
		"metrics elsewhere":       testMetricsElsewhere,
		"permissions":             testPermissions,
		"public rooms":            testPublicRooms,
		"tickets":                 testTickets,
		"too many probes":         testTooManyProbes,
		"a new token":             testRenewal,
		"HEAD and OPTIONS":        testHeadAndOptions,
		"a starting server":       testStarting,
		"names of other hosts":    testForeignHost,
		"a fault of the program":  testFaults,
		"a closed hub":            testClosedHub,
		"a rejecting database":    testRejected,
		"compressed streams":      testCompressedStreams,
		"keep-alive":              testKeepAlive,
		"all operations":          testFold,
		"a large document":        testTooLarge,
		"read-only":               testReadOnly,
		"many clients":            testManyClients,
		"invalid HTTP":            testNotHTTP,
	} {
		t.Run(name, func(t *testing.T) { test(t, w) })
	}
}

// testEverything runs the tests of a client with all permissions.
func testEverything(t *testing.T, c client) {
	for name, test := range map[string]func(client){
		"operations": testOperations,
		"reading":    testReading,
		"changes":    testChanges,
		"caches":     testAnswersThatCachesKeep,
		"events":     testEvents,
		"rooms":      testEventsOfRooms,
		"presence":   testPresence,
		"names":      testNames,
		"probing":    testProbing,
		"service":    testService,
	} {
		t.Run(name, func(t *testing.T) { test(c.on(t)) })
	}
}

// beyond are the routes of the server that are not part of its API.
var beyond = map[string]string{
	"GET /docs/*":    "the files of the page /docs",
	"HEAD /docs/*":   "like GET",
	"GET /guide":     "the documentation",
	"HEAD /guide":    "like GET",
	"GET /guide/*":   "the documentation",
	"HEAD /guide/*":  "like GET",
	"GET /assets/*":  "the files of the page /",
	"HEAD /assets/*": "like GET",
}

func TestTheServerHasTheRoutesOfTheContract(t *testing.T) {
	c := theContract(t)
	described := map[string]bool{}
	c.operations(func(name string, _ map[string]any) {
		described[name] = true
		if path, isGet := strings.CutPrefix(name, "GET "); isGet && c.eventsOf(name) == nil {
			described["HEAD "+path] = true
		}
	})
	for _, route := range startServer(t, limits{}).api.Routes() {
		if !described[route] && beyond[route] == "" {
			t.Errorf("the server has %s, which is not in the contract", route)
		}
		delete(described, route)
	}
	for route := range described {
		t.Errorf("the contract has %s, which the server does not have", route)
	}
}

// roomRoutes are requests for every route of a room, which all open it.
func roomRoutes(room string) map[string]func(c client, status int) answer {
	base := "/v1/rooms/" + room
	routes := map[string]func(c client, status int) answer{}
	for _, path := range []string{"", "/stores/default", "/changes", "/events?clientId=ada", "/presence"} {
		routes["GET "+path] = func(c client, status int) answer { return c.get(status, base+path) }
	}
	routes["GET /v1/events"] = func(c client, status int) answer {
		return c.get(status, "/v1/events?clientId=ada&room=others&room="+room)
	}
	routes["POST /ops"] = func(c client, status int) answer { return c.post(status, base+"/ops", batch(`"a"`, 1)) }
	routes["PUT /presence"] = func(c client, status int) answer { return c.put(status, base+"/presence/ada", `{}`) }
	routes["POST /presence"] = func(c client, status int) answer { return c.post(status, base+"/presence/ada", `{}`) }
	routes["DELETE /presence"] = func(c client, status int) answer {
		return c.send(status, http.MethodDelete, base+"/presence/ada", "")
	}
	routes["POST /leave"] = func(c client, status int) answer { return c.post(status, base+"/presence/ada/leave", "") }
	return routes
}

func testNames(c client) {
	for _, room := range []string{"%20a", "a%20", "a%0Ab", "%C2%85", "%2E", "%2e%2E", "%FF", strings.Repeat("r", 256)} {
		for name, send := range roomRoutes(room) {
			t := c.t
			t.Run(fmt.Sprintf("%s of %.20s", name, room), func(t *testing.T) { send(c.on(t), 422).isProblem("invalid_name") })
		}
	}
	key, clientID := strings.Repeat("k", 256), strings.Repeat("i", 101)
	c.get(422, "/v1/rooms/names/stores/"+key).isProblem("invalid_name")
	c.get(422, "/v1/rooms/names/events?clientId="+clientID).isProblem("invalid_name")
	c.get(422, "/v1/rooms/names/events?clientId=a&displayName=%0D").isProblem("invalid_name")
	c.get(422, "/v1/events?room=names&clientId="+clientID).isProblem("invalid_name")
	c.put(422, "/v1/rooms/names/presence/"+clientID, `{}`).isProblem("invalid_name")

	for escaped, name := range map[string]string{
		"a%2Fb":                       `"a/b"`,
		"%E2%82%AC%20%F0%9F%98%80":    `"€ 😀"`,
		"%25":                         `"%"`,
		"...":                         `"..."`,
		"a%3Fb%23c":                   `"a?b#c"`,
		strings.Repeat("%C3%A4", 255): `"` + strings.Repeat("ä", 255) + `"`,
		strings.Repeat("r", 255):      `"` + strings.Repeat("r", 255) + `"`,
		"%3Cscript%3Ealert%28%29%3C":  `"<script>alert()<"`,
		"nested%2Fstores%2Fdefault":   `"nested/stores/default"`,
		"%2F%2F":                      `"//"`,
		"quote%22and%5Cback":          `"quote\"and\\back"`,
		"inner%20blank%C2%A0x":        "\"inner blank\u00a0x\"",
	} {
		c.get(200, "/v1/rooms/"+escaped).has("room", name)
	}
}

func testService(c client) {
	c.get(200, "/healthz").has("status", `"ok"`)
	c.get(200, "/readyz").has("status", `"ready"`)
	for path, want := range map[string][]byte{
		"/openapi.yaml": pathsync.OpenAPI, "/openapi-3.2.yaml": pathsync.OpenAPI32(), "/path-operations.md": pathsync.PathOperations,
	} {
		if got := c.get(200, path); string(got.body) != string(want) {
			c.t.Errorf("%s differs from the embedded file", path)
		}
	}
	c.get(200, "/metrics")
	for _, page := range []string{"/docs", "/"} {
		version := c.get(200, page).header.Get("ETag")
		c.get(304, page, "If-None-Match", version)
		c.get(200, page, "Accept-Encoding", "gzip")
	}

	c.get(404, "/v1").isProblem("not_found")
	c.get(404, "/v2/rooms/a").isProblem("not_found")
	c.get(404, "/v1/rooms/a/stores").isProblem("not_found")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		c.send(405, method, "/v1/rooms/a", "").isProblem("method_not_allowed")
	}

	if id := c.get(200, "/healthz", "X-Request-Id", "mine-7").header.Get("X-Request-Id"); id != "mine-7" {
		c.t.Errorf("X-Request-Id is %q", id)
	}
	given := map[string]bool{}
	for _, mad := range []string{strings.Repeat("x", 65), "a b", "a\tb", "ä"} {
		id := c.get(200, "/healthz", "X-Request-Id", mad).header.Get("X-Request-Id")
		if id == mad {
			c.t.Errorf("X-Request-Id %q is repeated", mad)
		}
		given[id] = true
	}
	if len(given) != 4 {
		c.t.Errorf("requests share an id: %v", slices.Collect(maps.Keys(given)))
	}
}

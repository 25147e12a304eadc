package contract

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/origin"
)

// The tests of this file send a valid request for each operation of the contract, made of its examples.

// sampleRequest is a valid request for an operation.
type sampleRequest struct {
	operation, method, path, body string
}

func (r sampleRequest) isStream() bool {
	return strings.HasSuffix(r.operation, "events") || r.operation == "GET /v1/probe"
}

// requests returns a request for each operation, sorted.
func (c *contract) requests() (all []sampleRequest) {
	c.operations(func(name string, operation map[string]any) {
		method, path, _ := strings.Cut(name, " ")
		query := url.Values{}
		for _, p := range c.parametersOf(name) {
			parameter := p.object["name"].(string)
			switch p.object["in"] {
			case "path":
				path = strings.ReplaceAll(path, "{"+parameter+"}", url.PathEscape(p.object["example"].(string)))
			case "query":
				if p.object["required"] == true {
					for _, value := range sliceOf(p.object["example"]) {
						query.Add(parameter, value.(string))
					}
				}
			}
		}
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		request := sampleRequest{operation: name, method: method, path: path}
		if media, _ := c.described.within(operation, "requestBody", "content", "application/json").(map[string]any); media != nil {
			examples := examplesOf(media)
			body, err := json.Marshal(examples[slices.Min(slices.Collect(maps.Keys(examples)))])
			if err != nil {
				panic(err) // it was JSON before
			}
			request.body = string(body)
		}
		all = append(all, request)
	})
	slices.SortFunc(all, func(a, b sampleRequest) int { return strings.Compare(a.operation, b.operation) })
	return all
}

// sendSample sends a request for an operation and expects a status.
func (c client) sendSample(status int, r sampleRequest, headers ...string) answer {
	c.t.Helper()
	return c.send(status, r.method, r.path, r.body, headers...)
}

func testHeadAndOptions(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{}))
	methods := map[string][]string{}
	for _, r := range theContract(t).requests() {
		methods[r.path] = append(methods[r.path], r.method)
		if r.method != http.MethodGet {
			continue
		}
		if r.isStream() {
			c.send(405, http.MethodHead, r.path, "")
			continue
		}
		methods[r.path] = append(methods[r.path], http.MethodHead)
		get := c.sendAny(http.MethodGet, r.path, "")
		head := c.send(get.status, http.MethodHead, r.path, "")
		if names := headerNames(head.header); len(head.body) > 0 || !slices.Equal(names, headerNames(get.header)) {
			t.Errorf("HEAD %s has %v and a body of %d bytes, GET has %v", r.path, names, len(head.body), headerNames(get.header))
		}
	}
	for path, want := range methods {
		got := strings.Split(c.send(204, http.MethodOptions, path, "").header.Get("Allow"), ", ")
		want = append(want, http.MethodOptions)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s allows %v, and has %v", path, got, want)
		}
	}
}

// headerNames returns the names of header fields, sorted, without those that net/http sends only with short bodies.
func headerNames(h http.Header) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(h)), func(name string) bool {
		return name == "Content-Length" || name == "Transfer-Encoding"
	})
}

func testStarting(t *testing.T, w *recording) {
	listener := httptest.NewServer(httpapi.NewFront(origin.Allowed{}))
	t.Cleanup(listener.Close)
	c := client{t: t, base: listener.URL, http: &http.Client{Transport: w}}
	for _, r := range theContract(t).requests() {
		if r.path == "/healthz" {
			c.sendSample(200, r)
			continue
		}
		c.sendSample(503, r).isProblem("database_unavailable")
	}
}

// otherHost sends requests with the name of another host.
type otherHost struct{ next http.RoundTripper }

func (o otherHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = "evil.test"
	return o.next.RoundTrip(r)
}

func testForeignHost(t *testing.T, w *recording) {
	s := startServer(t, limits{localOnly: true})
	c := client{t: t, base: s.url, http: &http.Client{Transport: otherHost{w}}}
	own := newClient(t, w, s)
	for _, r := range theContract(t).requests() {
		if strings.HasPrefix(r.path, "/v1/") {
			c.sendSample(403, r).isProblem("cross_origin")
		} else {
			c.sendSample(200, r)
		}
		if r.method != http.MethodGet {
			own.sendSample(403, r, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site").isProblem("cross_origin")
		}
	}
	own.get(200, "/v1/rooms/own")
}

// faultyAuth panics.
type faultyAuth struct{ httpapi.Authenticator }

func testFaults(t *testing.T, w *recording) {
	s := startServer(t, limits{auth: faultyAuth{}, faultyMetrics: true})
	c := client{t: t, base: s.url, http: &http.Client{Transport: bearer{"ada", w}}}
	for _, r := range theContract(t).requests() {
		if !slices.Contains(noInternalError, r.operation) {
			c.sendSample(500, r).isProblem("internal")
		}
	}
}

func testClosedHub(t *testing.T, w *recording) {
	for mode, l := range map[string]limits{"without authentication": {}, "with authentication": {auth: allUsers}} {
		t.Run(mode, func(t *testing.T) {
			s := startServer(t, l)
			c := client{t: t, base: s.url, http: &http.Client{Transport: bearer{"ada", w}}}
			if err := s.api.Hub().Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for name, send := range roomRoutes("closing") {
				t.Run(name, func(t *testing.T) { send(c.on(t), 503).isProblem("shutting_down") })
			}
		})
	}
}

func testRejected(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{}))
	c.post(422, "/v1/rooms/"+rejectedRoom+"/ops", batch(`"a"`, 1)).isProblem("rejected")
}

func testCompressedStreams(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{compress: true}))
	c.post(200, "/v1/rooms/compressed/ops", batch(`"`+strings.Repeat("x", 1000)+`"`, 1))
	for _, path := range []string{"/v1/rooms/compressed/events", "/v1/events?room=compressed&room=other"} {
		for accepted, coding := range map[string]string{"gzip": "gzip", "zstd, gzip": "zstd", "identity": "", "br": ""} {
			s := c.open(path, "Accept-Encoding", accepted)
			if got := s.header.Get("Content-Encoding"); got != coding || s.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s of %s: Content-Encoding %q, want %q; Vary %q", accepted, path, got, coding, s.header.Get("Vary"))
			}
			beginning, _ := s.until("up-to-date")
			c.post(200, "/v1/rooms/compressed/ops", strings.Replace(batch(`"later"`, 1), `"clientSeq":1,`, "", 1))
			s.until("delta")
			if beginning[0] != "state" {
				t.Errorf("%s of %s begins with %v", accepted, path, beginning)
			}
		}
	}
}

func testKeepAlive(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{impatient: true}))
	s := c.open("/v1/rooms/idle/events")
	s.until("up-to-date")
	c.post(200, "/v1/rooms/idle/ops", batch(`"a"`, 1))
	s.until("delta")
	for text := ""; !strings.HasSuffix(text, ": \n\n"); {
		piece := make([]byte, 100)
		n, err := s.body.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		text += string(piece[:n])
	}
}

package contract

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// testFold sends the operations of the shared test cases, each case to a document of its own. Streams follow from the first
// batch, from the middle and from the end.
func testFold(t *testing.T, w *recording) {
	text, err := os.ReadFile("../vectors/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Before string
		Limit  int
		Ops    []json.RawMessage
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, w, startServer(t, limits{}))
	const room = "/v1/rooms/" + foldRoom
	accepted := 0
	post := func(key string, ops ...json.RawMessage) {
		body, err := json.Marshal(map[string]any{"clientId": "ada", "key": key, "ops": ops})
		if err != nil {
			t.Fatal(err)
		}
		if c.sendAny(http.MethodPost, room+"/ops", string(body)).status == http.StatusOK { // the server refuses a few, for their depth or size
			accepted++
		}
	}
	first := c.open(room + "/events")
	_, start := first.until("up-to-date")
	var middle *stream
	for i, vector := range cases {
		if i == len(cases)/2 {
			middle = c.open(room + "/events")
		}
		key := fmt.Sprint("case-", i)
		if vector.Before != "" {
			post(key, json.RawMessage(`{"path":"","op":"init","value":`+vector.Before+`}`))
		}
		post(key, vector.Ops...)
	}
	post("last", json.RawMessage(`{"path":"done","op":"set","value":true}`))
	for _, s := range []*stream{first, middle} {
		for {
			if e, ok := s.next(); !ok || strings.Contains(e.data, `"key":"last"`) {
				break
			}
		}
	}
	c.open(room + "/events").until("up-to-date")
	names, _ := c.open(room+"/events", "Last-Event-ID", strings.TrimSuffix(start.id, "0")+"300").until("up-to-date")
	if !slices.Contains(names, "delta") || slices.Contains(names, "state") {
		t.Errorf("a stream that resumes begins with %v", names)
	}
	c.get(200, room)
	if accepted < 500 {
		t.Errorf("only %d batches were accepted", accepted)
	}
}

func testTooLarge(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{maxDocument: 100}))
	c.post(200, "/v1/rooms/large/ops", batch(`"`+strings.Repeat("x", 100)+`"`, 1)).
		has("results", `[{"status":"discarded","reason":"too_large"}]`)
}

func testReadOnly(t *testing.T, w *recording) {
	c := client{t: t, base: startServer(t, limits{auth: allUsers}).url, http: &http.Client{Transport: bearer{"reader", w}}}
	_, up := c.open("/v1/rooms/read-only/events").until("up-to-date")
	if !strings.Contains(up.data, `"readOnly":true`) || c.get(200, "/v1/rooms/read-only/presence").member("readOnly") != "true" {
		t.Errorf("a reader without write permission gets %s", up.data)
	}
	c.get(200, "/v1/rooms/read-only?at="+up.id)
}

// testManyClients makes a room so large that its presence list has versions.
func testManyClients(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{}))
	const room = "/v1/rooms/crowd"
	put := func(n int) { c.put(200, fmt.Sprintf("%s/presence/client-%d", room, n), `{}`) }
	for n := range 200 {
		put(n)
	}
	version := ""
	s := c.open(room + "/events")
	for version == "" {
		e, ok := s.next()
		if !ok {
			t.Fatal("the stream has ended without a version")
		}
		var data struct{ Version string }
		if err := json.Unmarshal([]byte(e.data), &data); err != nil {
			t.Fatal(err)
		}
		version = data.Version
	}
	put(200)
	s.until("presence-change")
	c.open(room + "/events?presenceVersion=" + version).until("up-to-date")
}

// testNotHTTP sends requests that net/http refuses, as the contract describes.
func testNotHTTP(t *testing.T, _ *recording) {
	address := strings.TrimPrefix(startServer(t, limits{}).url, "http://")
	for name, test := range map[string]struct {
		request string
		status  string
	}{
		"no request":              {"hello\r\n\r\n", "400"},
		"a malformed path":        {"GET /v1/rooms/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"no host":                 {"GET /healthz HTTP/1.1\r\n\r\n", "400"},
		"an unknown expectation":  {"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", "417"},
		"a large header":          {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", "431"},
		"an unknown coding":       {"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
		"an unknown HTTP version": {"GET /healthz HTTP/3.7\r\nHost: x\r\n\r\n", "505"},
	} {
		t.Run(name, func(t *testing.T) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			go func() { _, _ = conn.Write([]byte(test.request)) }() // the server may answer before it has read everything
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if !strings.HasPrefix(resp.Status, test.status) || resp.Header.Get("X-Request-Id") != "" {
				t.Errorf("it is answered %s with %v", resp.Status, resp.Header)
			}
			description := theContract(t).described.at("info", "description").(string)
			if _, words, _ := strings.Cut(description, "A request that is not valid HTTP"); !strings.Contains(words[:min(len(words), 500)], test.status) {
				t.Errorf("the contract does not mention %s", test.status)
			}
		})
	}
}

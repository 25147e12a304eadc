package httpapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/sse"
)

// accessLog logs the requests of a server as JSON.
func accessLog(log *lines) setting {
	return func(p *parts) { p.api.AccessLog = slog.New(slog.NewJSONHandler(log, nil)) }
}

// logged expects a single line and returns it without variable parts.
func logged(t *testing.T, log *lines) map[string]any {
	t.Helper()
	synctest.Wait()
	all := log.all()
	var line map[string]any
	if err := json.Unmarshal([]byte(all[len(all)-1]), &line); err != nil || len(all) != 1 {
		t.Fatalf("%v: the access log has %q", err, all)
	}
	for _, name := range []string{"time", "level"} {
		delete(line, name)
	}
	return line
}

// wantLine expects exactly these members, as fmt prints them.
func wantLine(t *testing.T, line map[string]any, want string) {
	t.Helper()
	if got := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(line), "map["), "]"); got != want {
		t.Errorf("logged\n got %s\nwant %s", got, want)
	}
}

func TestRequestIsLoggedInTheAccessLog(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		a := s.post("/v1/rooms/my%20room/ops", `{"clientId":"ada","key":"k","ops":[{"op":"set","path":"x","value":1}]}`, "X-Request-Id", "r1").is(200)
		wantLine(t, logged(t, &log), fmt.Sprintf("address:203.0.113.1 bytes:%d method:POST ms:0 msg:request path:/v1/rooms/my%%20room/ops "+
			"request:r1 route:POST /v1/rooms/{room}/ops status:200", len(a.body)))
	}, accessLog(&log))
}

func TestHEADIsLoggedWithoutTheBytesOfABody(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		s.send(http.MethodHead, "/openapi.yaml", nil).is(200)
		if line := logged(t, &log); line["bytes"] != 0.0 || line["route"] != "HEAD /openapi.yaml" {
			t.Errorf("logged %v", line)
		}
	}, accessLog(&log))
}

func TestAccessLogHasTheAddressOfTheClientBehindAProxy(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		s.get("/healthz", "X-Forwarded-For", "192.0.2.66, 198.51.100.1").is(200)
		if got := logged(t, &log)["address"]; got != "198.51.100.1" {
			t.Errorf("it has %v", got)
		}
	}, accessLog(&log), limited(limit.Config{}))
}

func TestRefusedRequestIsLoggedWithItsCode(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/rooms/r/stores/none": "code:store_not_found method:GET ms:0 msg:request path:/v1/rooms/r/stores/none request:r1 route:GET /v1/rooms/{room}/stores/{key} status:404",
		"/nowhere":                "code:not_found method:GET ms:0 msg:request path:/nowhere request:r1 route: status:404",
		"/v1/rooms/r/ops":         "code:method_not_allowed method:GET ms:0 msg:request path:/v1/rooms/r/ops request:r1 route: status:405",
	} {
		var log lines
		inBubble(t, func(t *testing.T, s *server) {
			a := s.get(path, "X-Request-Id", "r1")
			wantLine(t, logged(t, &log), fmt.Sprintf("address:203.0.113.1 bytes:%d %s", len(a.body), want))
		}, accessLog(&log))
	}
}

func TestStreamIsLoggedAtItsEndWithBytesAndDuration(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events?clientId=ada&displayName=Ada", "X-Request-Id", "r1").live()
		synctest.Wait()
		if all := log.all(); all[0] != "" {
			t.Errorf("before its end there is %q", all)
		}
		time.Sleep(90 * time.Second)
		r.close()
		time.Sleep(time.Second) // until a heartbeat, or the end of the connection, is noticed
		line := logged(t, &log)
		if bytes := line["bytes"].(float64); bytes < 300 {
			t.Errorf("it has sent %v bytes", bytes)
		}
		delete(line, "bytes")
		wantLine(t, line, "address:203.0.113.1 ended:reader gone: EOF method:GET ms:90000 msg:stream path:/v1/rooms/r/events "+
			"query:clientId=ada request:r1 route:GET /v1/rooms/{room}/events status:200")
	}, accessLog(&log))
}

func TestAccessLogHasNoSecretsAndNoNames(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		const q = "?ticket=" + secret + "&token=" + secret + "&access_token=" + secret + "&displayName=" + secret + "&%74oken=" + secret + "&limit=5"
		for _, path := range []string{"/v1/rooms/r/changes", "/v1/rooms/r/events", "/v1/rooms/r", "/nowhere"} {
			if path == "/v1/rooms/r/events" {
				s.open(path + q).live().close()
				continue
			}
			s.get(path+q, "Authorization", "Bearer "+secret, "Cookie", "__Host-pathsync="+secret)
		}
		time.Sleep(time.Minute)
		text := strings.Join(log.all(), "\n")
		if strings.Contains(text, secret) || strings.Count(text, `"query":"limit=5"`) != 4 {
			t.Errorf("the access log has\n%s", text)
		}
	}, accessLog(&log))
}

func TestLongURLIsTruncatedInTheAccessLog(t *testing.T) {
	var log lines
	inBubble(t, func(t *testing.T, s *server) {
		s.get("/v1/rooms/" + strings.Repeat("x", 10_000) + "?after=" + strings.Repeat("y", 10_000))
		logged(t, &log)
		if line := log.all()[0]; len(line) > 2000 {
			t.Errorf("a line has %d bytes", len(line))
		}
	}, accessLog(&log))
}

// counts implements Metrics.
type counts struct {
	mu    sync.Mutex
	notes []string
}

func (c *counts) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

func (c *counts) read() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.notes = nil }()
	slices.Sort(c.notes) // a reader can have a batch before its sender has the answer
	return strings.Join(c.notes, "; ")
}

func (c *counts) Answered(route string, status int, took time.Duration) {
	c.note("%s %d %s", route, status, took)
}
func (c *counts) Refused(code problem.Code)    { c.note("refused %s", code) }
func (c *counts) StreamStarted()               { c.note("started") }
func (c *counts) StreamEnded(cause error)      { c.note("ended: %v", cause) }
func (c *counts) Delivered(took time.Duration) { c.note("delivered %s", took) }

var _ sse.Metrics = (*counts)(nil)

func TestRequestsAndStreamsAreMeasured(t *testing.T) {
	c := new(counts)
	inBubble(t, func(t *testing.T, s *server) {
		want := func(what string) {
			t.Helper()
			synctest.Wait()
			if got := c.read(); got != what {
				t.Errorf("measured %q, want %q", got, what)
			}
		}
		s.set("r", "x", "1")
		want("POST /v1/rooms/{room}/ops 200 0s")
		s.get("/v1/rooms/r/changes?wait=7&after=" + epoch + "-1")
		want("GET /v1/rooms/{room}/changes 200 7s")
		s.get("/v1/rooms/%20")
		want("GET /v1/rooms/{room} 422 0s; refused invalid_name")
		s.get("/nowhere")
		want(" 404 0s; refused not_found")
		r := s.open("/v1/rooms/r/events?clientId=ada").live()
		want("started")
		if stats := s.api.FeedStats(); stats.Streams != 1 || stats.Bytes < 100 {
			t.Errorf("%+v", stats)
		}
		s.set("r", "x", "2")
		r.until("delta")
		want("POST /v1/rooms/{room}/ops 200 0s; delivered 0s")
		s.open("/v1/rooms/r/events?clientId=ada").live()
		r.until("problem")
		want("ended: stream ended by the server; started")
	}, func(p *parts) { p.api.Metrics, p.feeds.Metrics = c, c })
}

// Over HTTP/2 a stream ends before its handler returns, and its bytes pass through the response.
func TestHTTP2StreamIsLoggedOnce(t *testing.T) {
	var log lines
	c := new(counts)
	s := start(t, accessLog(&log), func(p *parts) { p.api.Metrics = c })
	front := httptest.NewUnstartedServer(s.api)
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	secure := client{t: t, base: front.URL, http: front.Client(), patience: s.patience}
	r := secure.open("/v1/rooms/r/events", "X-Request-Id", "r1").live()
	s.api.Drain()
	afterMs(t, r)
	eventually(t, "the stream is logged", func() bool { return log.all()[0] != "" })
	all := log.all()
	if len(all) != 1 || !strings.Contains(all[0], `"msg":"stream","request":"r1"`) || !strings.Contains(all[0], `"status":200`) ||
		!strings.Contains(all[0], `"ended":"closed"`) || strings.Contains(all[0], `"bytes":0,`) {
		t.Errorf("the access log has %q", all)
	}
	if got := c.read(); got != "ended: closed; started" {
		t.Errorf("measured %q", got)
	}
}

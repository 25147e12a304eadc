package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestProbeStreamsTimedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/probe?seconds=3&events=2&intervalMs=700")
		r.next()
		began := time.Now()
		r.wants(event{"", "probe", `{"n":1,"ms":700}`})
		if took := time.Since(began); took != 700*time.Millisecond {
			t.Errorf("the first event comes after %v", took)
		}
		r.wants(event{"", "probe", `{"n":2,"ms":1400}`}, event{"", "probe-end", `{"ms":3000}`})
		r.ends()
	})
}

func TestProbeHasTheHeadersOfAStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		probe, room := s.open("/v1/probe?seconds=60&events=0"), s.open("/v1/rooms/r/events")
		for _, name := range []string{"Content-Type", "Cache-Control", "X-Accel-Buffering", "Connection", "Content-Encoding"} {
			if got, want := probe.header.Get(name), room.header.Get(name); got != want {
				t.Errorf("%s is %q, and in a room %q", name, got, want)
			}
		}
		if stats := s.api.FeedStats(); stats.Streams != 2 {
			t.Errorf("%+v", stats)
		}
		var silent []string
		for text, ok := probe.frame(); ok; text, ok = probe.frame() {
			silent = append(silent, text)
		}
		if len(silent) != 4+2 || silent[0] != ": pathsync" || silent[3] != ": " || silent[5] != `event: probe-end`+"\n"+`data: {"ms":60000}` {
			t.Errorf("a minute without events: %q", silent)
		}
	}, func(p *parts) { p.feeds.Heartbeat = 25 * time.Second })
}

// begins reads the first event of a probe.
func begins(t *testing.T, r *reader) (start map[string]any) {
	t.Helper()
	e := r.next()
	if err := json.Unmarshal([]byte(e.data), &start); err != nil || e.name != "probe-start" {
		t.Fatalf("%v: a probe begins with %+v", err, e)
	}
	return start
}

func TestProbeDescribesTheReceivedRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		first := begins(t, s.open("/v1/probe", "Last-Event-ID", "doctor-7", "X-Forwarded-For", "192.0.2.1", "Via", "1.1 secret-host"))
		id := first["id"]
		delete(first, "id")
		want := "map[events:10 forwarded:[Via X-Forwarded-For] host:pathsync.test intervalMs:1000 lastEventId:doctor-7 protocol:HTTP/1.1 seconds:10]"
		if got := fmt.Sprint(first); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		second := begins(t, s.open("/v1/probe", "Last-Event-ID", "<script>", "X-Forwarded-Host", "app.example.com, inner"))
		if second["id"] == id || second["lastEventId"] != "" || second["host"] != "app.example.com" {
			t.Errorf("%v", second)
		}
	})
}

func TestProbeDescribesTheReceivedNameAndBody(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var got struct {
			Name  string
			Bytes int
			Host  string
		}
		a := s.post("/v1/probe/a%2Fb", `"`+strings.Repeat("x", 1<<20-2)+`"`).is(200).has("Cache-Control", "no-store")
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Name != "a/b" || got.Bytes != 1<<20 || got.Host != "pathsync.test" {
			t.Errorf("%v: %s", err, a.body)
		}
		s.post("/v1/probe/a/b", "{}").problem(404, problem.RouteNotFound)
		s.post("/v1/probe/x", "nonsense").problem(400, problem.InvalidJSON)
		s.post("/v1/probe/x", strings.Repeat("x", 1<<20+1)).problem(413, problem.BodyTooLarge)
		s.post("/v1/probe/x", "{}", "Content-Type", "text/plain").problem(415, problem.UnsupportedMediaType)
		s.post("/v1/probe/x", "{}", "Origin", "http://pathsync.test").is(200)
		s.post("/v1/probe/x", "{}", "Origin", "http://evil.test", "Sec-Fetch-Site", "cross-site").problem(403, problem.CrossOrigin)
	})
}

func TestProbeIsBounded(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, query := range []string{
			"seconds=0", "seconds=301", "seconds=x", "events=-1", "events=101", "intervalMs=49", "intervalMs=10001", "seconds=%zz",
		} {
			s.get("/v1/probe?"+query).problem(400, problem.InvalidParameter)
		}
	})
}

func TestConcurrentProbesAreLimited(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		var open []*reader
		for range 64 {
			open = append(open, s.open("/v1/probe?seconds=300"))
		}
		s.get("/v1/probe").problem(503, problem.Overloaded)
		s.post("/v1/probe/x", "{}").problem(503, problem.Overloaded)
		s.get("/v1/rooms/r").is(http.StatusOK)
		open[0].close()
		synctest.Wait()
		s.post("/v1/probe/x", "{}").is(http.StatusOK)
	})
}

func TestProbeCountsAsAStream(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.open("/v1/probe?seconds=300")
		s.get("/v1/rooms/r/events").problem(429, problem.RateLimited)
	}, func(p *parts) { p.api.Limits.Address.Streams = 1 })
}

func TestProbeNeedsNoAuthentication(t *testing.T) {
	s := start(t, guarded)
	begins(t, s.open("/v1/probe?seconds=1"))
	s.post("/v1/probe/x", "{}").is(200)
}

func TestDrainEndsProbes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/probe?seconds=300&events=0")
		begins(t, r)
		began := time.Now()
		s.api.Drain()
		afterMs(t, r)
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestProbeOverHTTP2(t *testing.T) {
	s := start(t, func(p *parts) {
		p.http.Protocols = new(http.Protocols)
		p.http.Protocols.SetUnencryptedHTTP2(true)
	})
	transport := s.http.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	r := s.open("/v1/probe?seconds=1&events=1&intervalMs=50")
	if start := begins(t, r); start["protocol"] != "HTTP/2.0" {
		t.Errorf("%v", start)
	}
	if e := r.next(); e.name != "probe" {
		t.Errorf("%+v", e)
	}
	if e := r.next(); e.name != "probe-end" {
		t.Errorf("%+v", e)
	}
	r.ends()
}

package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// limited configures a trusted proxy and limits. A header of the tests has the user.
func limited(l limit.Config) setting {
	l.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(peerAddress + "/32")}
	l.UserOf = func(r *http.Request) string { return r.Header.Get("X-User") }
	return func(p *parts) { p.api.Limits = l }
}

// Headers of one party and of others.
var parties = map[string]struct {
	limits   func(limit.Allowance) limit.Config
	one, two [2]string
}{
	"an address": {
		func(a limit.Allowance) limit.Config { return limit.Config{Address: a} },
		[2]string{"X-Forwarded-For", "198.51.100.1"}, [2]string{"X-Forwarded-For", "198.51.100.2"},
	},
	"an IPv6 network": {
		func(a limit.Allowance) limit.Config { return limit.Config{Address: a} },
		[2]string{"X-Forwarded-For", "2001:db8:0:1::1"}, [2]string{"X-Forwarded-For", "2001:db8:0:2::1"},
	},
	"a user": {
		func(a limit.Allowance) limit.Config { return limit.Config{User: a} },
		[2]string{"X-User", "ada"}, [2]string{"X-User", "bob"},
	},
}

// forEverybody runs a test with limits of addresses, and with the same limits of users.
func forEverybody(t *testing.T, a limit.Allowance, test func(t *testing.T, s *server, one, two [2]string)) {
	t.Helper()
	for name, party := range parties {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) { test(t, s, party.one, party.two) }, limited(party.limits(a)))
		})
	}
}

func TestRequestsBeyondTheRateAreRefusedWithRetryAfter(t *testing.T) {
	forEverybody(t, limit.Allowance{Requests: 1}, func(_ *testing.T, s *server, one, two [2]string) {
		for range 10 {
			s.get("/v1/rooms/r", one[:]...).is(200)
		}
		for _, path := range []string{"/v1/rooms/r", "/v1/nowhere", "/", "/readyz", "/v1/rooms/r/events"} {
			s.get(path, one[:]...).has("Retry-After", "1").problem(429, problem.RateLimited)
		}
		s.get("/v1/rooms/r", two[:]...).is(200)
		time.Sleep(time.Second)
		s.get("/v1/rooms/r", one[:]...).is(200)
		s.get("/v1/rooms/r", one[:]...).problem(429, problem.RateLimited)
	})
}

func TestBatchesBeyondTheRateAreNotApplied(t *testing.T) {
	const batch = `{"clientId":"ada","key":"default","ops":[{"op":"array_add","path":"list","value":{}}]}`
	forEverybody(t, limit.Allowance{Batches: 0.2, Requests: 100}, func(t *testing.T, s *server, one, two [2]string) {
		for range 2 {
			s.post("/v1/rooms/r/ops", batch, one[:]...).is(200)
		}
		before := s.state("r")
		s.post("/v1/rooms/r/ops", batch, one[:]...).has("Retry-After", "5").problem(429, problem.RateLimited)
		s.post("/v1/rooms/other/ops", batch, one[:]...).problem(429, problem.RateLimited)
		if after := s.state("r"); after != before {
			t.Errorf("it was applied: %s", after)
		}
		s.get("/v1/rooms/r", one[:]...).is(200)
		s.post("/v1/rooms/r/ops", batch, two[:]...).is(200)
		time.Sleep(5 * time.Second)
		s.post("/v1/rooms/r/ops", batch, one[:]...).is(200)
	})
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	forEverybody(t, limit.Allowance{Streams: 2}, func(_ *testing.T, s *server, one, two [2]string) {
		first := s.open("/v1/rooms/a/events?clientId=ada", one[:]...).live()
		s.open("/v1/rooms/b/events", one[:]...).live()
		s.get("/v1/rooms/c/events", one[:]...).has("Retry-After", "10").problem(429, problem.RateLimited)
		s.open("/v1/rooms/c/events", two[:]...).live()
		first.close()
		synctest.Wait()
		s.open("/v1/rooms/c/events", one[:]...).live()
		s.get("/v1/rooms/d/events", one[:]...).problem(429, problem.RateLimited)
	})
}

func TestRefusedStreamIsNotCounted(t *testing.T) {
	forEverybody(t, limit.Allowance{Streams: 1}, func(_ *testing.T, s *server, one, _ [2]string) {
		for range 3 {
			s.get("/v1/rooms/%0A/events", one[:]...).problem(422, problem.InvalidName)
			s.get("/v1/rooms/r/events?last_event_id=x", one[:]...).problem(400, problem.InvalidEventID)
		}
		s.store.fail(errAway)
		for range 3 {
			s.get("/v1/rooms/r/events?clientId=ada", one[:]...).problem(503, problem.DatabaseUnavailable)
		}
		s.store.recover()
		time.Sleep(time.Second)
		s.open("/v1/rooms/r/events", one[:]...).live()
	})
}

func TestRoomsBeyondTheLimitAreRefused(t *testing.T) {
	forEverybody(t, limit.Allowance{Rooms: 2}, func(_ *testing.T, s *server, one, two [2]string) {
		s.get("/v1/rooms/a", one[:]...).is(200)
		s.open("/v1/rooms/b/events", one[:]...).live()
		for _, path := range []string{"/v1/rooms/c", "/v1/rooms/c/events", "/v1/rooms/c/changes", "/v1/rooms/c/presence"} {
			s.get(path, one[:]...).problem(429, problem.RateLimited)
		}
		s.get("/v1/rooms/a", one[:]...).is(200) // is open
		s.get("/v1/rooms/c", two[:]...).is(200)
		s.get("/v1/rooms/c", one[:]...).is(200) // now it is open as well, on another's account
		time.Sleep(3 * time.Minute)
		s.get("/v1/rooms/d", one[:]...).is(200) // a has been closed
		s.get("/v1/rooms/e", one[:]...).problem(429, problem.RateLimited)
	})
}

func TestClientBatchesAreLimitedPerRoom(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		send := func(room, client string) answer {
			return s.post("/v1/rooms/"+room+"/ops", `{"clientId":"`+client+`","key":"default","ops":[{"op":"set","path":"x","value":1}]}`)
		}
		for range 10 {
			send("r", "wild").is(200)
		}
		send("r", "wild").has("Retry-After", "1").problem(429, problem.RateLimited)
		send("%72", "wild").problem(429, problem.RateLimited) // the same room, encoded differently
		send("r", "tame").is(200)
		send("other", "wild").is(200)
		time.Sleep(time.Second)
		send("r", "wild").is(200)
	}, limited(limit.Config{ClientBatches: 1}))
}

func TestForgedAddressDoesNotAvoidLimits(t *testing.T) {
	for name, forwarded := range map[string]func(i string) string{
		"through the proxy": func(i string) string { return "198.51.100." + i + ", 198.51.100.1" },
		"within a network":  func(i string) string { return "2001:db8::" + i },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(_ *testing.T, s *server) {
				for _, i := range strings.Fields("1 2 3 4 5 6 7 8 9 10") {
					s.get("/v1/rooms/r", "X-Forwarded-For", forwarded(i)).is(200)
				}
				s.get("/v1/rooms/r", "X-Forwarded-For", forwarded("11")).problem(429, problem.RateLimited)
			}, limited(limit.Config{Address: limit.Allowance{Requests: 1}}))
		})
	}
}

func TestUntrustedProxyIsIgnoredAndLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	inBubble(t, func(t *testing.T, s *server) {
		for _, i := range strings.Fields("1 2 3 4 5 6 7 8 9 10") {
			s.get("/v1/rooms/r", "X-Forwarded-For", "198.51.100."+i).is(200)
		}
		s.get("/v1/rooms/r", "X-Forwarded-For", "198.51.100.11").problem(429, problem.RateLimited)
		if text := log.String(); strings.Count(text, "trusted proxies") != 1 || strings.Contains(text, "198.51") {
			t.Errorf("the log says %s", text)
		}
	}, func(p *parts) {
		p.api.Limits.Address.Requests = 1
		p.api.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
}

func TestLoopbackHasNoAddressLimits(t *testing.T) {
	s := start(t, func(p *parts) {
		p.api.Limits.Address = limit.Allowance{Requests: 0.1, Batches: 0.1, Streams: 1, Rooms: 1}
	})
	for _, room := range []string{"a", "b", "c"} {
		s.open("/v1/rooms/" + room + "/events").live()
		s.set(room, "x", "1")
	}
}

func TestHealthIsNotLimited(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for range 100 {
			s.get("/healthz").is(200)
		}
	}, limited(limit.Config{Address: limit.Allowance{Requests: 1}}))
}

func TestPagesOfAllowedOriginsCanReadRetryAfter(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for range 10 {
			s.get("/v1/rooms/r").is(200)
		}
		s.get("/v1/rooms/r", "Origin", app).has("Access-Control-Allow-Origin", app).problem(429, problem.RateLimited)
		s.send(http.MethodOptions, "/v1/rooms/r", nil, "Origin", app, "Access-Control-Request-Method", "GET").is(204)
	}, limited(limit.Config{Address: limit.Allowance{Requests: 1}}), allowing(t, app))
}

package httpapi_test

import (
	"strings"
	"testing"
)

// A compressed stream has the same events: full states, missed batches, live events and the end.
func TestCompressedStreamHasTheSameEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		title := `"` + strings.Repeat("Milk, bread and eggs. ", 1_000) + `"`
		s.set("a", "x", title)
		s.set("b", "x", "1")
		for accepts, encoding := range map[string]string{"identity": "", "gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd"} {
			one := s.open("/v1/rooms/a/events", "Accept-Encoding", accepts)
			two := s.open("/v1/events?room=a&room=b&last_event_id=history1-_.0", "Accept-Encoding", accepts)
			if got := one.header.Get("Content-Encoding"); got != encoding {
				t.Errorf("%q: Content-Encoding is %q", accepts, got)
			}
			if vary := one.header.Values("Vary"); !strings.Contains(strings.Join(vary, ","), "Accept-Encoding") {
				t.Errorf("the answer varies by %v", vary)
			}
			one.wants(stateEvent("a", 1, `{"x":`+title+`}`), noUsersIn("a"), upToDate("a", 1))
			two.wants(
				stateEvent("a", 1, `{"x":`+title+`}`), noUsersIn("a"), upToDate("a", 1).at("1.0"),
				deltaEvent("b", 1, "x", "1").at("1.1"), noUsersIn("b"), upToDate("b", 1).at("1.1"),
			)
			one.close()
			two.close()
		}

		gzipped := s.open("/v1/rooms/a/events?clientId=ada", "Accept-Encoding", "gzip").live()
		zstandard := s.open("/v1/rooms/a/events?clientId=eve", "Accept-Encoding", "zstd").live()
		s.set("a", "y", "2")
		for _, live := range []*reader{gzipped, zstandard} {
			if e := live.until("delta"); e[len(e)-1] != deltaEvent("a", 2, "y", "2") {
				t.Errorf("%v", e)
			}
		}
		s.api.Drain()
		for _, live := range []*reader{gzipped, zstandard} {
			afterMs(t, live)
		}
	}, func(p *parts) { p.feeds.Compress = true })
}
